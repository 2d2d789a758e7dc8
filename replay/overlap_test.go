package replay

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// visitOf returns a request of a user, on a connection, as it was recorded.
func visitOf(conn uint64, target string, at, answered time.Duration) *Exchange {
	x := get("u", at, target)
	x.Conn, x.Proto, x.Response.Duration = conn, "HTTP/1.1", answered-at
	return x
}

// TestRequestsOfASessionAreUnderWayTogetherAsTheyWereRecorded: the server tells which requests had come when it answered.
func TestRequestsOfASessionAreUnderWayTogetherAsTheyWereRecorded(t *testing.T) {
	const ms = time.Millisecond
	token := func(x *Exchange) *Exchange {
		x.Header = Header{{"Authorization", "Bearer recorded-token-1"}}
		return x
	}
	for _, row := range []struct {
		about  string
		policy string
		xs     []*Exchange
		before map[string]string // a request, and one that has to come before it is answered
		after  map[string]string // a request, and one that has to be answered before it comes
		waited int64
	}{
		{"one after the other", "", []*Exchange{visitOf(1, "/a", 0, 10*ms), visitOf(1, "/b", 20*ms, 30*ms)}, nil, map[string]string{"/b": "/a"}, 1},
		{"two at a time", "", []*Exchange{visitOf(1, "/a", 0, 50*ms), visitOf(2, "/b", 20*ms, 30*ms)}, map[string]string{"/a": "/b"}, nil, 0},
		{"two at a time are not dropped", "drop", []*Exchange{visitOf(1, "/a", 0, 50*ms), visitOf(2, "/b", 20*ms, 30*ms)}, map[string]string{"/a": "/b"}, nil, 0},
		{"two on one connection, of which one waits in line", "", []*Exchange{visitOf(1, "/a", 0, 50*ms), visitOf(1, "/b", 20*ms, 60*ms)}, nil, map[string]string{"/b": "/a"}, 1},
		{
			"two at a time behind one, and one behind both", "",
			[]*Exchange{visitOf(1, "/a", 0, 10*ms), visitOf(1, "/b", 20*ms, 60*ms), visitOf(2, "/c", 30*ms, 50*ms), visitOf(1, "/d", 70*ms, 80*ms)},
			map[string]string{"/b": "/c"},
			map[string]string{"/b": "/a", "/c": "/a", "/d": "/b"},
			3,
		},
		{
			"one that began behind the first of two, while the second was under way", "",
			[]*Exchange{visitOf(1, "/a", 0, 20*ms), visitOf(2, "/b", 10*ms, 60*ms), visitOf(1, "/c", 30*ms, 40*ms)},
			map[string]string{"/b": "/c"},
			map[string]string{"/c": "/a"},
			1,
		},
		{"nobody knows when the first was answered", "", []*Exchange{visitOf(1, "/a", 0, 0), visitOf(2, "/b", 20*ms, 30*ms)}, nil, map[string]string{"/b": "/a"}, 1},
		{
			"what needs a value of the answer waits for it", "",
			[]*Exchange{
				login(visitOf(1, "/a", 0, 50*ms)), token(visitOf(2, "/b", 20*ms, 30*ms)),
			},
			nil,
			map[string]string{"/b": "/a"},
			1,
		},
	} {
		t.Run(row.about, func(t *testing.T) {
			var mu sync.Mutex
			answered := map[string]bool{}
			came := map[string]chan struct{}{}
			for _, x := range row.xs {
				came[x.Target] = make(chan struct{})
			}
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				if first, known := row.after[r.URL.Path]; known && !answered[first] {
					t.Errorf("%s came before %s was answered", r.URL.Path, first)
				}
				mu.Unlock()
				close(came[r.URL.Path])
				if other, known := row.before[r.URL.Path]; known {
					select {
					case <-came[other]:
					case <-r.Context().Done():
					}
				} else if row.waited > 0 {
					time.Sleep(100 * ms) // so that those behind it are due
				}
				mu.Lock()
				defer mu.Unlock()
				answered[r.URL.Path] = true
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"token":"live-token-2"}`)
			})
			traffic, slices := play(t, Config{
				Open: opener(row.xs...), Targets: []string{url},
				Traffic: gameday.TrafficPlan{Busy: row.policy, Timeout: gameday.Duration(time.Minute)},
			})
			total, _, _ := sum(slices, "")
			require.EqualValues(t, len(row.xs), total.Classes[gameday.ClassOK])
			require.Equal(t, row.waited, traffic.Fidelity.Waited)
			require.Zero(t, traffic.Fidelity.Spilled)
		})
	}
}

// login makes the answer of x give a token.
func login(x *Exchange) *Exchange {
	body := `{"token":"recorded-token-1"}`
	x.Response.Header = Header{{"Content-Type", "application/json"}}
	x.Response.Body, x.Response.Size = []byte(body), int64(len(body))
	return x
}

func TestASessionKnowsWhatIsOpen(t *testing.T) {
	var s session
	var xs [4]shot
	names := func() string {
		var all []string
		for x := s.open; x != nil; x = x.beside {
			for i := range xs {
				if x == &xs[i] {
					all = append(all, fmt.Sprint(i))
				}
			}
		}
		return strings.Join(all, " ")
	}
	for i := range xs {
		s.opens(&xs[i])
	}
	require.Equal(t, "3 2 1 0", names())
	s.closes(&xs[2])
	s.closes(&xs[2])
	require.Equal(t, "3 1 0", names())
	s.closes(&xs[0])
	s.closes(&xs[3])
	require.Equal(t, "1", names())
	s.closes(&xs[1])
	require.Nil(t, s.open)
	for i := range xs {
		require.Nil(t, xs[i].beside)
	}
}
