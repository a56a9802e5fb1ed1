package main

import (
	"context"
	"encoding/json"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/warning"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
)

// The API server's own admission plugin for ValidatingAdmissionPolicy: it compiles, matches, evaluates within its cost budget, and acts.
type kubernetes struct {
	plugin     *validating.Plugin
	namespaces *namespaces
	policies   []*admissionregistrationv1.ValidatingAdmissionPolicy
}

func newKubernetes(documents []document) (*kubernetes, error) {
	made := &kubernetes{namespaces: &namespaces{}}
	objects := []runtime.Object{}
	for _, document := range documents {
		switch document["kind"] {
		case "ValidatingAdmissionPolicy":
			policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
			if err := convert(document, policy); err != nil {
				return nil, err
			}
			setDefaults(policy.Spec.MatchConstraints)
			objects, made.policies = append(objects, policy), append(made.policies, policy)
		case "ValidatingAdmissionPolicyBinding":
			binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
			if err := convert(document, binding); err != nil {
				return nil, err
			}
			objects = append(objects, binding)
		default:
			return nil, fmt.Errorf("not for this engine: %v", document["kind"])
		}
	}
	return made, made.start(objects)
}

// setDefaults does what an API server does when it stores a policy: without a selector everything is selected.
func setDefaults(match *admissionregistrationv1.MatchResources) {
	if match.NamespaceSelector == nil {
		match.NamespaceSelector = &metav1.LabelSelector{}
	}
	if match.ObjectSelector == nil {
		match.ObjectSelector = &metav1.LabelSelector{}
	}
}

// start does for the plugin what the API server does: clients, informers, and then waiting until it has compiled the policies.
func (k *kubernetes) start(objects []runtime.Object) (err error) {
	if k.plugin, err = validating.NewPlugin(nil); err != nil {
		return err
	}
	client := fake.NewSimpleClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	stop := make(chan struct{})
	k.plugin.SetExternalKubeClientSet(client)
	k.plugin.SetExternalKubeInformerFactory(factory)
	k.plugin.SetRESTMapper(meta.NewDefaultRESTMapper(nil))
	k.plugin.SetDynamicClient(dynamicfake.NewSimpleDynamicClient(scheme.Scheme))
	k.plugin.SetDrainedNotification(stop)
	k.plugin.SetAuthorizer(authorizer.AuthorizerFunc(nobody))
	k.plugin.SetMatcher(matching.NewMatcher(k.namespaces, client))
	if err = k.plugin.ValidateInitialization(); err != nil {
		return err
	}
	// The plugin waits for this one too, though the matcher here does not ask it.
	factory.Core().V1().Namespaces().Informer()
	factory.Start(stop)
	if !k.plugin.WaitForReady() {
		return fmt.Errorf("the plugin is not ready")
	}
	return nil
}

func nobody(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "", nil
}

func (k *kubernetes) judge(a *attributes) (judgement, error) {
	k.namespaces.only = a.namespace
	heard := &warnings{}
	ctx := warning.WithWarningRecorder(context.Background(), heard)
	recorded := &recorder{Attributes: a.Attributes, annotations: map[string]string{}}
	err := k.plugin.Validate(ctx, recorded, admission.NewObjectInterfacesFromScheme(scheme.Scheme))
	judged := judgement{Found: map[string]string{}, Audited: recorded.annotations, Warned: heard.count, Refused: err != nil}
	failures, wrong := recorded.allFailures()
	if wrong != nil {
		return judged, wrong
	}
	for _, failure := range failures {
		judged.Found[failure.Policy] = failure.Message
	}
	if err != nil && len(failures) == 0 {
		return judged, fmt.Errorf("refused, and no policy says why: %w", err)
	}
	return judged, nil
}

const failureAnnotation = "validation.policy.admission.k8s.io/validation_failure"

// recorder keeps what the audit log is told. An annotation is never overwritten there, and up to Kubernetes 1.36 each policy that fails writes this one
// anew: the log has the first. All of them are kept here.
type recorder struct {
	admission.Attributes
	annotations map[string]string
	failures    []string
}

func (r *recorder) AddAnnotation(key, value string) error {
	if key == failureAnnotation {
		r.failures = append(r.failures, value)
	}
	if _, written := r.annotations[key]; !written {
		r.annotations[key] = value
	}
	return nil
}

func (r *recorder) allFailures() (all []validating.ValidationFailureValue, err error) {
	for _, written := range r.failures {
		some := []validating.ValidationFailureValue{}
		if err := json.Unmarshal([]byte(written), &some); err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (r *recorder) AddAnnotationWithLevel(key, value string, _ auditinternal.Level) error {
	return r.AddAnnotation(key, value)
}

type warnings struct{ count int }

func (w *warnings) AddWarning(string, string) { w.count++ }

// namespaces has the one namespace of the request that is judged.
type namespaces struct{ only *corev1.Namespace }

func (n *namespaces) List(labels.Selector) ([]*corev1.Namespace, error) {
	return []*corev1.Namespace{n.only}, nil
}

func (n *namespaces) Get(name string) (*corev1.Namespace, error) {
	if n.only.Name != name {
		return nil, fmt.Errorf("namespace %s was asked for, there is %s", name, n.only.Name)
	}
	return n.only, nil
}
