package gamedaytest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
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

		gamedaytest.Case{
			Flows: []gamedaytest.Flow{{
				Name: "checkout", URL: checkout.URL + "/checkout", Rate: 50,
				SLO: []string{"p99 <= 2s", "error_rate <= 1%"},
			}},
			Faults: []gamedaytest.Fault{{
				Monkey: &monkeys.Latency{Delay: gameday.Duration(300 * time.Millisecond)}, On: link, For: 2 * time.Second,
			}},
			Recovery: 3 * time.Second,
			MaxLate:  2 * time.Second, // this example must work on a busy machine
		}.Run(t)
	}
	runTest(testCheckout) // go test does this
	// Output:
	// gameday.verdict PASS
}

// A scenario of the library, run from a test.
func ExampleRun() {
	_ = func(t *testing.T) { // TestTheShopSurvivesTheLossOfAZone
		gamedaytest.Run(t, "../scenarios/library/zone-outage.yaml", gamedaytest.Options{Set: map[string]string{"zone": "z2"}})
	}
	// Output:
}

// Every scenario of a folder, each in a subtest of its own.
func ExampleFiles() {
	_ = func(t *testing.T) { // TestScenarios
		gamedaytest.Files(t, "testdata/scenarios/*.yaml")
	}
	// Output:
}

// shown is a test that keeps what it says.
type shown struct {
	testing.TB
	dir     string
	after   []func()
	verdict string
	text    []any
}

// runTest runs f as go test would, and once more where a busy machine kept it from proving anything. A machine that stays
// busy proves nothing about the example, which cannot be skipped as record skips a test.
func runTest(f func(t testing.TB)) {
	const attempts = 2 // examples wait for each other

	for n := 1; ; n++ {
		t := &shown{}
		t.run(f)
		busy := busyHost.MatchString(fmt.Sprint(t.text...))
		if busy && n < attempts {
			continue
		}
		if busy && os.Getenv(proveEnv) == "" {
			fmt.Fprintf(os.Stderr, "NOT PROVEN, this machine is too busy (%s=1 makes this a failure): %v\n", proveEnv, t.text)
			t = &shown{verdict: "PASS"}
		}
		fmt.Println("gameday.verdict", t.verdict)
		fmt.Print(t.text...)
		return
	}
}

func (t *shown) run(f func(t testing.TB)) {
	var err error
	if t.dir, err = os.MkdirTemp("", "gameday"); err != nil {
		t.text = []any{err}
		return
	}
	defer os.RemoveAll(t.dir)
	f(t)
	for _, after := range slices.Backward(t.after) {
		after()
	}
}

func (*shown) Helper()                        {}
func (*shown) Name() string                   { return "TestCheckout" }
func (*shown) Context() context.Context       { return context.Background() }
func (*shown) Output() io.Writer              { return io.Discard }
func (*shown) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
func (t *shown) Error(args ...any)            { t.text = args }
func (t *shown) ArtifactDir() string          { return t.dir }
func (t *shown) Cleanup(f func())             { t.after = append(t.after, f) }

func (t *shown) Attr(key, value string) {
	if key == "gameday.verdict" {
		t.verdict = value
	}
}
