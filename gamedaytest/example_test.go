package gamedaytest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/monkeys"
)

// A checkout gives its stock service 50ms and then sells without it. The test makes the way to the stock service slow,
// and asks that buyers notice nothing.
func ExampleCase() {
	testCheckout := func(t testing.TB) {
		stock := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "7 left") }))
		defer stock.Close()
		link := gamedaytest.Proxy(t, "stock", stock.Listener.Addr().String())

		client := &http.Client{Timeout: 50 * time.Millisecond}
		defer client.CloseIdleConnections()
		checkout := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answer, err := client.Get("http://" + link.Addr())
			if err != nil {
				fmt.Fprint(w, "sold, if we have it")
				return
			}
			defer answer.Body.Close()
			fmt.Fprint(w, "sold; ")
			_, _ = io.Copy(w, answer.Body)
		}))
		defer checkout.Close()

		run := gamedaytest.Case{
			Flows: []gamedaytest.Flow{{
				Name: "checkout", URL: checkout.URL + "/checkout", Rate: 50,
				SLO: []string{"p99 <= 1s", "error_rate <= 1%"},
			}},
			Faults: []gamedaytest.Fault{{
				Monkey: &monkeys.Latency{Delay: gameday.Duration(time.Second)}, On: link, For: 2 * time.Second,
			}},
			Warmup: time.Second, Baseline: 2 * time.Second, Recovery: 3 * time.Second,
			MaxLate: time.Second, // this example must work on a very busy machine
		}.Run(t)

		fmt.Println(run.Verdict.Result)
		for _, e := range run.Events {
			if e.Fault != nil {
				fmt.Println(e.Fault.Summary)
			}
			if e.FaultID != "" {
				fmt.Println(e.Kind)
			}
		}
	}
	runTest(testCheckout) // go test does this
	// Output:
	// PASS
	// stock: add 1s ±0s (response); the rule is taken off at the end
	// fault.injecting
	// fault.active
	// fault.healing
	// fault.healed
}

// A scenario of the library, run from a test.
func ExampleRun() {
	_ = func(t *testing.T) { // TestTheShopSurvivesTheLossOfAZone
		gamedaytest.Run(t, "../scenarios/library/zone-outage.yaml", gamedaytest.Options{Set: map[string]string{"zone": "z2"}})
	}
}

// Every scenario of a folder, each in a subtest of its own.
func ExampleFiles() {
	_ = func(t *testing.T) { // TestScenarios
		gamedaytest.Files(t, "testdata/scenarios/*.yaml")
	}
}

// shown is a test that prints what it fails with.
type shown struct {
	testing.TB
	dir   string
	after []func()
}

// runTest runs f as go test would.
func runTest(f func(t testing.TB)) {
	dir, err := os.MkdirTemp("", "gameday")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	t := &shown{dir: dir}
	f(t)
	for i := range t.after {
		t.after[len(t.after)-1-i]()
	}
}

func (*shown) Helper()                        {}
func (*shown) Attr(string, string)            {}
func (*shown) Name() string                   { return "TestCheckout" }
func (*shown) Context() context.Context       { return context.Background() }
func (*shown) Output() io.Writer              { return io.Discard }
func (*shown) Error(args ...any)              { fmt.Println(args...) }
func (*shown) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
func (t *shown) ArtifactDir() string          { return t.dir }
func (t *shown) Cleanup(f func())             { t.after = append(t.after, f) }
