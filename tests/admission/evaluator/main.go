// Evaluates rendered admission policies on objects with the libraries of those who enforce them. One JSON document in, one out.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// What is asked: documents as Helm rendered them, by who reads them, and requests to an API server.
type question struct {
	VAP        []document `json:"vap"`
	Gatekeeper []document `json:"gatekeeper"`
	Kyverno    []document `json:"kyverno"`
	Mutating   []document `json:"mutating"`
	Cases      []request  `json:"cases"`
}

// What one engine does with one request. Found has each policy that the object fails, with what it says; the rest is what its sender sees.
type judgement struct {
	Found   map[string]string `json:"found"`
	Audited map[string]string `json:"audited,omitempty"`
	Warned  int               `json:"warned"`
	Refused bool              `json:"refused"`
}

type answer struct {
	Name string `json:"name"`
	// By engine; with `-raw` behind it for the object as it was written, without the round through the API's types.
	Judged  map[string]judgement `json:"judged"`
	Mutated json.RawMessage      `json:"mutated,omitempty"`
}

type engine interface {
	judge(attributes *attributes) (judgement, error)
}

func main() {
	klog.SetLogger(logr.Discard())
	answers, err := run()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run() (any, error) {
	var asked question
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return nil, fmt.Errorf("the question: %w", err)
	}
	engines, types, err := asked.engines()
	if err != nil {
		return nil, err
	}
	mutator, err := newMutator(asked.Mutating)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, 0, len(asked.Cases))
	for _, each := range asked.Cases {
		given, err := each.answer(engines, mutator)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.Name, err)
		}
		answers = append(answers, given)
	}
	return map[string]any{"cases": answers, "types": types}, nil
}

func (asked *question) engines() (map[string]engine, map[string][]string, error) {
	engines := map[string]engine{}
	types := map[string][]string{}
	if len(asked.VAP) > 0 {
		made, err := newKubernetes(asked.VAP)
		if err != nil {
			return nil, nil, fmt.Errorf("vap: %w", err)
		}
		engines["vap"] = made
		types = made.typeWarnings()
	}
	if len(asked.Gatekeeper) > 0 {
		made, err := newGatekeeper(asked.Gatekeeper)
		if err != nil {
			return nil, nil, fmt.Errorf("gatekeeper: %w", err)
		}
		engines["gatekeeper"] = made
	}
	if len(asked.Kyverno) > 0 {
		made, err := newKyverno(asked.Kyverno)
		if err != nil {
			return nil, nil, fmt.Errorf("kyverno: %w", err)
		}
		engines["kyverno"] = made
	}
	return engines, types, nil
}

func (r *request) answer(engines map[string]engine, mutator *mutator) (answer, error) {
	given := answer{Name: r.Name, Judged: map[string]judgement{}}
	for _, form := range []string{"", "-raw"} {
		attributes, err := r.attributes(form == "-raw")
		if err != nil {
			return given, err
		}
		for name, engine := range engines {
			judged, err := engine.judge(attributes)
			if err != nil {
				return given, fmt.Errorf("%s%s: %w", name, form, err)
			}
			given.Judged[name+form] = judged
		}
	}
	var err error
	given.Mutated, err = mutator.mutate(r)
	return given, err
}
