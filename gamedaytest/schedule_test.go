package gamedaytest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// recordBuyers returns a tape of two seconds: every buyer orders, and looks after that order on a day that it names. The
// order's id of the answer does not reappear, as if the recorder had replaced it.
func recordBuyers(t testing.TB) func() (replay.Source, error) {
	recorded := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	path := t.TempDir() + "/buyers.gdtape"
	w, err := tape.Create(path, tape.Meta{Source: "by hand", Start: recorded}, tape.Options{})
	require.NoError(t, err)
	const buyers = 40
	for i := range buyers * 2 {
		x := &replay.Exchange{
			Seq: uint64(i), Session: fmt.Sprint("buyer-", i/2), Conn: uint64(i/2 + 1), At: time.Duration(i) * 2 * time.Second / buyers / 2,
			Method: "POST", Target: "/orders", Host: "shop", Proto: "HTTP/1.1",
			Response: &replay.Response{
				Status: http.StatusOK, Header: replay.Header{{Name: "Content-Type", Value: "application/json"}},
				Body: fmt.Appendf(nil, `{"id": "kept-%d"}`, i/2),
			},
		}
		if i%2 == 1 {
			x.Method, x.Target = "GET", fmt.Sprintf("/orders/masked-%d?day=2024-02-29", i/2)
		}
		require.NoError(t, w.Record(x))
	}
	require.NoError(t, w.Close())
	return func() (replay.Source, error) { return tape.Open(path, tape.ReadOptions{}) }
}

// TestAReplayHasTheScheduleAndTheRulesOfAScenario looks at what was played, which is the same on a machine that is too busy for a verdict.
func TestAReplayHasTheScheduleAndTheRulesOfAScenario(t *testing.T) {
	t.Parallel()
	buyers := recordBuyers(t)
	var orders, live, stale atomic.Int64
	var run gameday.Record
	r := listen(t, func(t testing.TB) {
		shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.Method == http.MethodPost {
				fmt.Fprintf(w, `{"id": "live-%d"}`, orders.Add(1))
				return
			}
			if strings.HasPrefix(r.URL.Path, "/orders/live-") {
				live.Add(1)
			}
			if strings.HasPrefix(r.URL.Query().Get("day"), "2024") {
				stale.Add(1)
			}
			fmt.Fprint(w, `{}`)
		}))
		t.Cleanup(shop.Close)
		run = gamedaytest.Case{
			Flows: []gamedaytest.Flow{
				{Name: "order", Method: "POST", URL: shop.URL + "/orders", SLO: []string{"error_rate <= 1%"}},
				{Name: "look", Method: "GET", URL: shop.URL + "/orders/*", SLO: []string{"error_rate <= 1%"}},
			},
			Replay: gamedaytest.Replay{
				Open: buyers, Loop: true, Start: 500 * time.Millisecond,
				Shape: "steady:60/s", RateCap: 30, CapBy: "thin", Pace: "tape", Busy: "wait", Connections: "recorded",
				Timeout: 4 * time.Second, Retries: 1, Unsafe: []string{"post"},
				Bind: []string{"POST /orders $.id -> GET /orders/{}"}, ShiftTime: true,
			},
			Recovery: time.Second, MaxLate: lenient,
		}.Run(t)
	})
	plan := run.Plan.Traffic
	require.Equal(t, []string{"POST"}, plan.Unsafe, r.failures)
	require.Equal(t, "recorded", plan.Connections)
	require.EqualValues(t, 2*time.Second, plan.RetryGap)
	told := run.Traffic.Fidelity
	require.NotNil(t, told.Capped)
	require.Equal(t, "thin", told.Capped.By)
	require.NotZero(t, told.Capped.Sessions, "twice the cap is due")
	require.NotZero(t, told.Shifted["dates"])
	require.NotZero(t, live.Load(), "who ordered looks after the live order")
	require.Zero(t, stale.Load(), "on the day of the replay")
}

func TestAScheduleThatIsNoneSaysWhy(t *testing.T) {
	t.Parallel()
	buyers := recordBuyers(t)
	for _, row := range []struct {
		name   string
		replay gamedaytest.Replay
		want   []string
	}{
		{"a rule has no field, an identity no path, and tokens do not move", gamedaytest.Replay{
			Open: buyers, Bind: []string{"POST /orders -> /orders/{}", "/a"}, Identity: []string{"user"}, SignTokens: true,
		}, []string{`Bind "POST /orders -> /orders/{}"`, "which field of the answers", `Bind "/a": want`, `Identity "user": want the path of a field`, "set ShiftTime too"}},
		{"a shape is none", gamedaytest.Replay{Open: buyers, Shape: "triangle:5/s"}, []string{`shape "triangle:5/s": want recorded, steady:50/s`}},
		{"two set the rate", gamedaytest.Replay{Open: buyers, Shape: "steady:5/s", Speed: 2}, []string{"leave one out"}},
		{"words are none of those that are known", gamedaytest.Replay{Open: buyers, Pace: "hurry", Busy: "panic", Connections: "none"}, []string{
			`pace "hurry": want tape or think`, `busy "panic": want wait, spill or drop`, `connections "none": want pool or recorded`,
		}},
		{"what may be sent cannot be read", gamedaytest.Replay{Open: buyers, Unsafe: []string{"POST orders"}}, []string{`"POST orders": a path begins with /`}},
		{"there is no cap to keep", gamedaytest.Replay{Open: buyers, CapBy: "thin"}, []string{"CapBy: there is no cap to keep: set RateCap too"}},
		{"a time lies before its start", gamedaytest.Replay{Open: buyers, Start: -time.Second}, []string{"cannot be negative"}},
		{"a canary is no path", gamedaytest.Replay{Open: buyers, Canary: "staging"}, []string{`canary "staging": want a path`}},
		{"there is no recording that it could be for", gamedaytest.Replay{Shape: "steady:5/s"}, []string{"there is no recording"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			flow := gamedaytest.Flow{Name: "order", Method: "POST", URL: "http://127.0.0.1:1/orders"}
			if row.replay.Open == nil {
				flow.Rate = 1
			}
			record(t, "", func(t testing.TB) { gamedaytest.Case{Flows: []gamedaytest.Flow{flow}, Replay: row.replay}.Run(t) }).said(row.want...)
		})
	}
}
