package main

import (
	"context"
	"encoding/json"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
)

// The API server's dispatcher, matching and JSON patches of MutatingAdmissionPolicy.
type mutator struct {
	hooks      []mutating.PolicyHook
	dispatcher generic.Dispatcher[mutating.PolicyHook]
	namespaces *namespaces
}

func newMutator(documents []document) (*mutator, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	made := &mutator{namespaces: &namespaces{}}
	matcher := matching.NewMatcher(made.namespaces, fake.NewSimpleClientset())
	made.dispatcher = mutating.NewDispatcher(authorizer.AuthorizerFunc(nobody), matcher, converters{applyconfigurations.NewTypeConverter(scheme.Scheme)})
	bindings := []*admissionregistrationv1.MutatingAdmissionPolicyBinding{}
	for _, document := range documents {
		if document["kind"] == "MutatingAdmissionPolicyBinding" {
			binding := &admissionregistrationv1.MutatingAdmissionPolicyBinding{}
			if err := convert(document, binding); err != nil {
				return nil, err
			}
			bindings = append(bindings, binding)
			continue
		}
		policy := &admissionregistrationv1.MutatingAdmissionPolicy{}
		if err := convert(document, policy); err != nil {
			return nil, err
		}
		setDefaults(policy.Spec.MatchConstraints)
		evaluator, err := compileMutations(policy)
		if err != nil {
			return nil, err
		}
		made.hooks = append(made.hooks, mutating.PolicyHook{Policy: policy, Evaluator: evaluator})
	}
	for index := range made.hooks {
		for _, binding := range bindings {
			if binding.Spec.PolicyName == made.hooks[index].Policy.Name {
				made.hooks[index].Bindings = append(made.hooks[index].Bindings, binding)
			}
		}
	}
	return made, nil
}

func compileMutations(policy *admissionregistrationv1.MutatingAdmissionPolicy) (mutating.PolicyEvaluator, error) {
	made := mutating.PolicyEvaluator{}
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return made, err
	}
	options := plugincel.OptionalVariableDeclarations{HasAuthorizer: true}
	variables := []plugincel.NamedExpressionAccessor{}
	for _, variable := range policy.Spec.Variables {
		variables = append(variables, &validating.Variable{Name: variable.Name, Expression: variable.Expression})
	}
	compiler.CompileAndStoreVariables(variables, options, environment.StoredExpressions)
	conditions := []plugincel.ExpressionAccessor{}
	for index := range policy.Spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[index]))
	}
	compiled := compiler.CompileCondition(conditions, options, environment.StoredExpressions)
	made.Matcher = matchconditions.NewMatcher(compiled, policy.Spec.FailurePolicy, "policy", "admit", policy.Name)
	options.HasPatchTypes = true
	for _, mutation := range policy.Spec.Mutations {
		if mutation.JSONPatch == nil {
			return made, fmt.Errorf("%s: only JSON patches are evaluated here", policy.Name)
		}
		condition := &patch.JSONPatchCondition{Expression: mutation.JSONPatch.Expression}
		evaluator := compiler.CompileMutatingEvaluator(condition, options, environment.StoredExpressions)
		made.Mutators = append(made.Mutators, patch.NewJSONPatcher(evaluator))
	}
	made.CompositedCompiler = compiler
	return made, nil
}

// mutate is the object as it is stored after the policy, or nothing if there is no such policy.
func (m *mutator) mutate(r *request) (json.RawMessage, error) {
	if m == nil {
		return nil, nil
	}
	a, err := r.attributes(false)
	if err != nil {
		return nil, err
	}
	m.namespaces.only = a.namespace
	interfaces := admission.NewObjectInterfacesFromScheme(scheme.Scheme)
	if err := m.dispatcher.Dispatch(context.Background(), a.Attributes, interfaces, m.hooks); err != nil {
		return nil, err
	}
	// Converting has taken away what the object says of its kind.
	a.GetObject().GetObjectKind().SetGroupVersionKind(a.GetKind())
	return json.Marshal(a.GetObject())
}

// converters know the built-in types, which is all that is mutated here.
type converters struct{ built managedfields.TypeConverter }

func (c converters) GetTypeConverter(schema.GroupVersionKind) managedfields.TypeConverter {
	return c.built
}

func (converters) Run(context.Context) {}
