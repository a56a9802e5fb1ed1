package main

import (
	"fmt"
	"reflect"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/version"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// typeWarnings is what the API server would write into each policy's status: fields that the types do not have, operators that do not fit. Before it
// stands what the oldest API server that the chart is for would not compile at all.
func (k *kubernetes) typeWarnings() map[string][]string {
	checker := &validating.TypeChecker{SchemaResolver: reflected{}, RestMapper: mapper()}
	found := map[string][]string{}
	for _, policy := range k.policies {
		warnings := compileFor(version.MajorMinor(1, 31), policy)
		for _, warning := range checker.Check(policy) {
			warnings = append(warnings, warning.FieldRef+": "+warning.Warning)
		}
		if len(warnings) > 0 {
			found[policy.Name] = warnings
		}
	}
	return found
}

// compileFor compiles as new expressions of a policy are compiled when somebody creates it in a cluster of that version.
func compileFor(cluster *version.Version, policy *admissionregistrationv1.ValidatingAdmissionPolicy) (wrong []string) {
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(cluster))
	if err != nil {
		return []string{err.Error()}
	}
	options := plugincel.OptionalVariableDeclarations{HasAuthorizer: true}
	note := func(result plugincel.CompilationResult) {
		if result.Error != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %s", cluster, result.Error))
		}
	}
	for _, variable := range policy.Spec.Variables {
		note(compiler.CompileAndStoreVariable(&validating.Variable{Name: variable.Name, Expression: variable.Expression}, options, environment.NewExpressions))
	}
	for _, validation := range policy.Spec.Validations {
		note(compiler.CompileCELExpression(&validating.ValidationCondition{Expression: validation.Expression}, options, environment.NewExpressions))
		note(compiler.CompileCELExpression(&validating.MessageExpressionCondition{MessageExpression: validation.MessageExpression}, options,
			environment.NewExpressions))
	}
	for _, annotation := range policy.Spec.AuditAnnotations {
		note(compiler.CompileCELExpression(&validating.AuditAnnotationCondition{Key: annotation.Key, ValueExpression: annotation.ValueExpression}, options,
			environment.NewExpressions))
	}
	return wrong
}

func mapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for kind, resource := range resources {
		for gvk := range scheme.Scheme.AllKnownTypes() {
			if gvk.Kind == kind && gvk.Version == "v1" {
				mapper.AddSpecific(gvk, gvk.GroupVersion().WithResource(resource), gvk.GroupVersion().WithResource(resource), meta.RESTScopeNamespace)
			}
		}
	}
	return mapper
}

// reflected has the schemas of built-in kinds, made from the API's Go types, from which Kubernetes' OpenAPI is made too.
type reflected struct{}

func (reflected) ResolveSchema(gvk schema.GroupVersionKind) (*spec.Schema, error) {
	kind, known := scheme.Scheme.AllKnownTypes()[gvk]
	if !known {
		return nil, fmt.Errorf("no type for %s", gvk)
	}
	return schemaOf(kind), nil
}

var scalars = map[reflect.Type]*spec.Schema{
	reflect.TypeFor[metav1.Time]():        spec.DateTimeProperty(),
	reflect.TypeFor[metav1.MicroTime]():   spec.DateTimeProperty(),
	reflect.TypeFor[metav1.FieldsV1]():    spec.MapProperty(nil),
	reflect.TypeFor[intstr.IntOrString](): intOrString(),
	reflect.TypeFor[resource.Quantity]():  intOrString(),
}

func intOrString() *spec.Schema {
	made := &spec.Schema{}
	made.AddExtension("x-kubernetes-int-or-string", true)
	return made
}

func schemaOf(kind reflect.Type) *spec.Schema {
	if scalar, is := scalars[kind]; is {
		return scalar
	}
	switch kind.Kind() {
	case reflect.Pointer:
		return schemaOf(kind.Elem())
	case reflect.Bool:
		return spec.BooleanProperty()
	case reflect.String:
		return spec.StringProperty()
	case reflect.Float64:
		return spec.Float64Property()
	case reflect.Slice:
		if kind.Elem().Kind() == reflect.Uint8 {
			return spec.StrFmtProperty("byte")
		}
		return spec.ArrayProperty(schemaOf(kind.Elem()))
	case reflect.Map:
		return spec.MapProperty(schemaOf(kind.Elem()))
	case reflect.Struct:
		return structSchema(kind)
	default:
		return spec.Int64Property()
	}
}

func structSchema(kind reflect.Type) *spec.Schema {
	made := &spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}, Properties: map[string]spec.Schema{}}}
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && field.Anonymous:
			for inner, property := range schemaOf(field.Type).Properties {
				made.Properties[inner] = property
			}
		default:
			made.Properties[name] = *schemaOf(field.Type)
		}
	}
	return made
}
