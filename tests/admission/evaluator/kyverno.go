package main

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	policiesv1 "github.com/kyverno/api/api/policies.kyverno.io/v1"
	"github.com/kyverno/kyverno/pkg/cel/compiler"
	"github.com/kyverno/kyverno/pkg/cel/matching"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/lazy"
)

// Kyverno's types, its CEL environment and compiler, and its matching. Left out is what around them needs a cluster (reports, exceptions, look-ups of
// other objects and of registries), which these policies do not use and which takes most of Kyverno's build.
type kyverno struct {
	policies []*kyvernoPolicy
}

type kyvernoPolicy struct {
	*policiesv1.ValidatingPolicy
	variables   map[string]cel.Program
	validations []compiler.Validation
}

func newKyverno(documents []document) (*kyverno, error) {
	made := &kyverno{}
	for _, document := range documents {
		if document["kind"] == "ImageValidatingPolicy" {
			// Its fields alone are looked at: it judges signatures, which are in a registry.
			if err := convert(document, &policiesv1.ImageValidatingPolicy{}); err != nil {
				return nil, err
			}
			continue
		}
		typed := &policiesv1.ValidatingPolicy{}
		if err := convert(document, typed); err != nil {
			return nil, err
		}
		policy, errors := compile(typed)
		if len(errors) > 0 {
			return nil, fmt.Errorf("%s: %w", typed.Name, errors.ToAggregate())
		}
		made.policies = append(made.policies, policy)
	}
	return made, nil
}

func compile(typed *policiesv1.ValidatingPolicy) (*kyvernoPolicy, field.ErrorList) {
	path := field.NewPath("spec")
	env, provider, err := kyvernoEnvironment()
	if err != nil {
		return nil, field.ErrorList{field.InternalError(path, err)}
	}
	policy := &kyvernoPolicy{ValidatingPolicy: typed}
	spec := &typed.Spec
	if len(spec.MatchConditions) > 0 || spec.EvaluationMode() != "Kubernetes" {
		return nil, field.ErrorList{field.Forbidden(path, "match conditions and other modes are not evaluated here")}
	}
	variables, errors := compiler.CompileVariables(path.Child("variables"), env, provider, spec.Variables...)
	policy.variables = variables
	for index, validation := range spec.Validations {
		compiled, wrong := compiler.CompileValidation(path.Child("validations").Index(index), env, validation)
		policy.validations, errors = append(policy.validations, compiled), append(errors, wrong...)
	}
	_, wrong := compiler.CompileAuditAnnotations(path.Child("auditAnnotations"), env, spec.AuditAnnotations...)
	return policy, append(errors, wrong...)
}

func kyvernoEnvironment() (*cel.Env, *compiler.VariablesProvider, error) {
	since := version.MajorMinor(1, 0)
	base := environment.MustBaseEnvSet(since)
	stored, err := base.Env(environment.StoredExpressions)
	if err != nil {
		return nil, nil, err
	}
	provider := compiler.NewVariablesProvider(stored.CELTypeProvider())
	declared, err := apiservercel.NewDeclTypeProvider(compiler.NamespaceType, compiler.RequestType).EnvOptions(provider)
	if err != nil {
		return nil, nil, err
	}
	options := append(compiler.DefaultEnvOptionsWithCompat(),
		cel.Variable(compiler.NamespaceObjectKey, compiler.NamespaceType.CelType()),
		cel.Variable(compiler.RequestKey, compiler.RequestType.CelType()),
		cel.Variable(compiler.ObjectKey, cel.DynType),
		cel.Variable(compiler.OldObjectKey, cel.DynType),
		cel.Variable(compiler.VariablesKey, compiler.VariablesType),
		cel.Types(compiler.NamespaceType.CelType(), compiler.RequestType.CelType()))
	extended, err := base.Extend(environment.VersionedOptions{IntroducedVersion: since, EnvOptions: append(options, declared...)})
	if err != nil {
		return nil, nil, err
	}
	env, err := extended.Env(environment.StoredExpressions)
	return env, provider, err
}

func (k *kyverno) judge(a *attributes) (judgement, error) {
	judged := judgement{Found: map[string]string{}}
	for _, policy := range k.policies {
		message, err := policy.judge(a)
		if err != nil {
			return judged, fmt.Errorf("%s: %w", policy.Name, err)
		}
		if message == "" {
			continue
		}
		judged.Found[policy.Name] = message
		actions := policy.Spec.ValidationActions()
		judged.Refused = judged.Refused || slices.Contains(actions, admissionregistrationv1.Deny)
		if slices.Contains(actions, admissionregistrationv1.Warn) {
			judged.Warned++
		}
	}
	return judged, nil
}

func (p *kyvernoPolicy) judge(a *attributes) (message string, err error) {
	// A webhook is sent the old object as an empty one where there is none.
	seen := admission.NewAttributesRecord(a.object, a.oldObject, a.GetKind(), a.GetNamespace(), a.GetName(), a.GetResource(), a.GetSubresource(),
		a.GetOperation(), nil, false, a.GetUserInfo())
	matches, err := matching.NewMatcher().Match(&matching.MatchCriteria{Constraints: p.Spec.MatchConstraints}, seen, a.namespace)
	if err != nil || !matches {
		return "", err
	}
	data, err := p.data(a)
	if err != nil {
		return "", err
	}
	for _, validation := range p.validations {
		out, _, err := validation.Program.Eval(data)
		if err != nil {
			// As a failed validation: failurePolicy is Fail.
			return err.Error(), nil
		}
		if out != types.True {
			return said(validation, data)
		}
	}
	return "", nil
}

func said(validation compiler.Validation, data map[string]any) (string, error) {
	out, _, err := validation.MessageExpression.Eval(data)
	if err != nil {
		return "", err
	}
	text, is := out.Value().(string)
	if !is {
		return "", fmt.Errorf("the message is %v", out.Type())
	}
	return text, nil
}

func (p *kyvernoPolicy) data(a *attributes) (map[string]any, error) {
	request, err := runtime.DefaultUnstructuredConverter.ToUnstructured(a.review)
	if err != nil {
		return nil, err
	}
	namespace, err := runtime.DefaultUnstructuredConverter.ToUnstructured(a.namespace)
	if err != nil {
		return nil, err
	}
	variables := lazy.NewMapValue(compiler.VariablesType)
	data := map[string]any{
		compiler.ObjectKey: a.object.UnstructuredContent(), compiler.OldObjectKey: a.oldObject.UnstructuredContent(),
		compiler.RequestKey: request, compiler.NamespaceObjectKey: namespace, compiler.VariablesKey: variables,
	}
	for name, program := range p.variables {
		variables.Append(name, func(*lazy.MapValue) ref.Val {
			out, _, err := program.Eval(data)
			if err != nil {
				return types.WrapErr(err)
			}
			return out
		})
	}
	return data, nil
}
