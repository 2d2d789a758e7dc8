package monkeys_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/monkeys/monkeytest"
)

// A monkey is its fields; prepared for a target it becomes a fault, which is data.
func ExampleCatalog() {
	ctx, p := context.Background(), monkeytest.New().Platform()
	monkey, err := monkeys.Catalog().New("latency", json.RawMessage(`{"delay": "200ms"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	link := gameday.Target{
		Kind: gameday.KindLink, Name: "order->product",
		From: gameday.Endpoint{Service: "order"}, To: gameday.Endpoint{Service: "product"},
	}
	fault, err := monkey.Prepare(ctx, p, link)
	if err != nil {
		fmt.Println(err)
		return
	}
	fault.ID = "run-f001"
	fmt.Println(fault.Summary)
	fmt.Println(fault.Claims)
	for _, act := range []func(context.Context, gameday.Platform, gameday.Fault) error{monkey.Inject, monkey.Heal} {
		if err := act(ctx, p, fault); err != nil {
			fmt.Println(err)
		}
		evidence, err := monkey.Verify(ctx, p, fault)
		fmt.Println(evidence.Effect, "-", evidence.What, err)
	}
	// Output:
	// order->product: add 200ms ±0s (response); the rule is taken off at the end
	// [link order->product latency]
	// in effect - +200.0ms against before: median 201ms over 5 of 5 round trips <nil>
	// gone - +0.0ms against before: median 1ms over 5 of 5 round trips <nil>
}
