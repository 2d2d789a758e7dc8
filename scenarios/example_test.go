package scenarios_test

import (
	"fmt"

	"github.com/gameday-dev/gameday/scenarios"
)

const outage = `apiVersion: gameday/v1
kind: Scenario
metadata: {name: outage}
spec:
  parameters:
    zone: {type: string, default: z3}
  environment: {topology: topology.yaml}
  flows:
    - {name: checkout, match: {method: POST, path: /orders}, slo: ["success_rate >= 99%", "recovery <= 10s"]}
  traffic:
    replay: {capture: shop.tape, to: shop, unsafe: [POST]}
  faults:
    - {name: gorilla, type: zone, target: {zone: "${zone}"}, for: 20s}
`

func ExampleParse() {
	s, err := scenarios.Parse("outage.yaml", []byte(outage), scenarios.Options{Set: map[string]string{"zone": "z2"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := s.Compile(42)
	for _, step := range plan.Steps {
		fmt.Printf("%s: %s on %s at %s for %s, in a run of %s\n", step.Name, step.Monkey, step.Selector, step.At, step.For, plan.Phases.Total())
	}
	// Output:
	// gorilla: zone on all zone zone=z2 at 15s for 20s, in a run of 55s
}

func ExampleParse_diagnostics() {
	_, err := scenarios.Parse("outage.yaml", []byte("apiVersion: gameday/v1\nkind: Scenari\n"), scenarios.Options{})
	fmt.Println(err)
	// Output:
	// outage.yaml:1:1: field "metadata" is missing; add metadata:
	// outage.yaml:1:1: field "spec" is missing; add spec:
	// outage.yaml:2:7: kind: "Scenari" is not allowed here; did you mean "Scenario"?
}
