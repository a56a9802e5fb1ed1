package main

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis"
	templatesv1 "github.com/open-policy-agent/frameworks/constraint/pkg/apis/templates/v1"
	constraintclient "github.com/open-policy-agent/frameworks/constraint/pkg/client"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Gatekeeper's client, its Rego driver and its matching of constraints.
type gatekeeper struct {
	client *constraintclient.Client
}

// What Gatekeeper's webhook calls itself.
const webhook = "validation.gatekeeper.sh"

func newGatekeeper(documents []document) (*gatekeeper, error) {
	if err := apis.AddToScheme(runtime.NewScheme()); err != nil {
		return nil, err
	}
	driver, err := rego.New(rego.DisableBuiltins("http.send"))
	if err != nil {
		return nil, err
	}
	client, err := constraintclient.NewClient(constraintclient.Targets(&target.K8sValidationTarget{}),
		constraintclient.Driver(driver), constraintclient.EnforcementPoints(webhook))
	if err != nil {
		return nil, err
	}
	made := &gatekeeper{client}
	// As in a cluster: a constraint's kind is made by its template.
	for _, templates := range []bool{true, false} {
		for _, document := range documents {
			if (document["kind"] == "ConstraintTemplate") == templates {
				if err := made.add(document, templates); err != nil {
					return nil, fmt.Errorf("%v: %w", document["metadata"].(map[string]any)["name"], err)
				}
			}
		}
	}
	return made, nil
}

func (g *gatekeeper) add(document document, template bool) error {
	ctx := context.Background()
	if !template {
		_, err := g.client.AddConstraint(ctx, &unstructured.Unstructured{Object: document})
		return err
	}
	typed := &templatesv1.ConstraintTemplate{}
	if err := convert(document, typed); err != nil {
		return err
	}
	versionless, err := typed.ToVersionless()
	if err != nil {
		return err
	}
	_, err = g.client.AddTemplate(ctx, versionless)
	return err
}

func (g *gatekeeper) judge(a *attributes) (judgement, error) {
	judged := judgement{Found: map[string]string{}}
	review := target.AugmentedReview{AdmissionRequest: a.review.DeepCopy(), Namespace: a.namespace, IsAdmission: true}
	responses, err := g.client.Review(context.Background(), review, reviews.EnforcementPoint(webhook))
	if err != nil {
		return judged, err
	}
	for _, result := range responses.Results() {
		judged.Found[result.Constraint.GetName()] = result.Msg
		switch result.EnforcementAction {
		case "deny":
			judged.Refused = true
		case "warn":
			judged.Warned++
		}
	}
	return judged, nil
}
