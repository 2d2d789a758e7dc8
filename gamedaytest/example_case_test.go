package gamedaytest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/monkeys"
)

// A checkout gives its stock service 50ms and then sells without it. The test makes the way to the stock service slow,
// and asks that buyers notice nothing.
func ExampleCase() {
	_ = func(t *testing.T) { sellWithoutStock(t) } // TestTheCheckoutSurvivesASlowStock
	// Output:
}

func sellWithoutStock(t testing.TB) {
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
		MaxLate:  2 * time.Second, // here: this must work on a busy machine
	}.Run(t)
}
