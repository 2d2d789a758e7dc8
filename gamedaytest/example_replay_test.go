package gamedaytest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/monkeys"
)

// An access log of visits is played against a home page, and the way to what it depends on is cut. The log holds no
// bodies; a tape does, and its answers can be compared: see [gamedaytest.Diff].
func ExampleReplay() {
	_ = func(t *testing.T) { welcomeWithoutNews(t) } // TestTheHomePageSurvivesTheLossOfTheNews
	// Output:
}

func welcomeWithoutNews(t testing.TB) {
	news := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "sale!") }))
	defer news.Close()
	link := gamedaytest.Proxy(t, "news", news.Listener.Addr().String())

	client := &http.Client{Timeout: 50 * time.Millisecond}
	defer client.CloseIdleConnections()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer, err := client.Get("http://" + link.Addr())
		if err != nil {
			fmt.Fprint(w, "welcome")
			return
		}
		defer answer.Body.Close()
		fmt.Fprint(w, "welcome, there is news")
	}))
	defer home.Close()

	gamedaytest.Case{
		Flows: []gamedaytest.Flow{{
			Name: "visit", URL: home.URL + "/", SLO: []string{"p99 <= 2s", "error_rate <= 1%"},
		}},
		Replay: gamedaytest.Replay{Tape: "testdata/visits.log", Loop: true},
		Faults: []gamedaytest.Fault{{Monkey: &monkeys.Partition{}, On: link, For: 2 * time.Second}},

		Recovery: 3 * time.Second,
		MaxLate:  2 * time.Second, // here: this must work on a busy machine
	}.Run(t)
}
