package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes/scheme"
)

type document = map[string]any

// A request to the API server: who does what to which object, in which namespace.
type request struct {
	Name        string   `json:"name"`
	Operation   string   `json:"operation"`
	Subresource string   `json:"subresource"`
	Object      document `json:"object"`
	OldObject   document `json:"oldObject"`
	User        string   `json:"user"`
	Groups      []string `json:"groups"`
	Namespace   struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"namespace"`
}

// The same request in the forms that engines take: attributes for what runs in the API server, a review for webhooks.
type attributes struct {
	admission.Attributes
	review    *admissionv1.AdmissionRequest
	object    *unstructured.Unstructured
	oldObject *unstructured.Unstructured
	namespace *corev1.Namespace
}

var resources = map[string]string{
	"Pod": "pods", "ReplicationController": "replicationcontrollers", "Namespace": "namespaces", "Service": "services",
	"Deployment": "deployments", "DaemonSet": "daemonsets", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets",
	"Job": "jobs", "CronJob": "cronjobs", "ConfigMap": "configmaps",
}

// attributes makes the objects typed, as the API server decodes them, or leaves them as they were written.
func (r *request) attributes(raw bool) (*attributes, error) {
	object, oldObject, err := r.objects(raw)
	if err != nil {
		return nil, err
	}
	kind := object.GetObjectKind().GroupVersionKind()
	resource, known := resources[kind.Kind]
	if !known {
		return nil, fmt.Errorf("kind %s is not in the table of resources", kind.Kind)
	}
	gvr := kind.GroupVersion().WithResource(resource)
	name, namespace := r.Object["metadata"].(document)["name"].(string), r.Namespace.Name
	if kind.Kind == "Namespace" {
		namespace = name
	}
	made := &attributes{
		Attributes: admission.NewAttributesRecord(object, oldObject, kind, namespace, name, gvr, r.Subresource,
			admission.Operation(r.Operation), nil, false, &user.DefaultInfo{Name: r.User, Groups: r.Groups}),
		namespace: r.namespace(namespace),
	}
	return made, made.setReview(r, gvr)
}

func (r *request) namespace(name string) *corev1.Namespace {
	labels := map[string]string{"kubernetes.io/metadata.name": name}
	for key, value := range r.Namespace.Labels {
		labels[key] = value
	}
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
	}
}

func (r *request) objects(raw bool) (object, oldObject runtime.Object, err error) {
	if object, err = decode(r.Object, raw); err != nil || r.OldObject == nil {
		return object, nil, err
	}
	oldObject, err = decode(r.OldObject, raw)
	return object, oldObject, err
}

func decode(written document, raw bool) (runtime.Object, error) {
	content, err := json.Marshal(written)
	if err != nil {
		return nil, err
	}
	untyped := &unstructured.Unstructured{}
	if err := untyped.UnmarshalJSON(content); err != nil || raw {
		return untyped, err
	}
	typed, err := scheme.Scheme.New(untyped.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	return typed, json.Unmarshal(content, typed)
}

func (a *attributes) setReview(r *request, gvr schema.GroupVersionResource) error {
	kind := a.GetKind()
	a.review = &admissionv1.AdmissionRequest{
		Kind:        metav1.GroupVersionKind(kind),
		Resource:    metav1.GroupVersionResource(gvr),
		SubResource: r.Subresource,
		Name:        a.GetName(),
		Namespace:   a.GetNamespace(),
		Operation:   admissionv1.Operation(r.Operation),
		UserInfo:    authenticationv1.UserInfo{Username: r.User, Groups: r.Groups},
	}
	var err error
	if a.object, a.review.Object.Raw, err = content(a.GetObject()); err != nil {
		return err
	}
	a.oldObject, a.review.OldObject.Raw, err = content(a.GetOldObject())
	return err
}

// content is what a webhook gets to see of an object.
func content(object runtime.Object) (*unstructured.Unstructured, []byte, error) {
	if object == nil {
		return &unstructured.Unstructured{}, nil, nil
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, nil, err
	}
	untyped := &unstructured.Unstructured{}
	return untyped, raw, untyped.UnmarshalJSON(raw)
}

// convert decodes a document strictly: a field that its type does not have is an error.
func convert(from document, to any) error {
	content, err := json.Marshal(from)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	return decoder.Decode(to)
}
