package replay

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// homes notes over which connections requests come, by the recorded one that they name.
type homes struct {
	mu sync.Mutex
	of map[string]map[string]int
}

func (h *homes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := r.Header.Get("X-Conn")
	if h.of[name] == nil {
		h.of[name] = make(map[string]int)
	}
	h.of[name][r.RemoteAddr]++
	if r.URL.Path == "/last" {
		w.Header().Set("Connection", "close")
	}
}

// browsing is n requests of each session, alternating over two recorded connections of its own.
func browsing(n, sessions int) (xs []*Exchange) {
	for i := range n * sessions {
		session, conn := i%sessions, uint64(i%sessions*2+i/sessions%2+1)
		x := get(fmt.Sprint("s", session), time.Duration(i)*time.Millisecond, "/")
		x.Conn, x.Header = conn, Header{{"X-Conn", fmt.Sprint(conn)}}
		xs = append(xs, x)
	}
	return xs
}

func TestRecordedConnectionsAreHeld(t *testing.T) {
	for _, tt := range []struct {
		name        string
		connections string
		conns       int
		held        bool
		unheld      bool
	}{
		{"each has a live one of its own", connsRecorded, 100, true, false},
		{"where there are too few, others are used and counted, and nothing is lost", connsRecorded, 3, false, true},
		{"in the pool sessions share them, and nobody counts", connsPool, 3, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := homes{of: map[string]map[string]int{}}
			url := serve(t, h.ServeHTTP)
			traffic, slices := play(t, Config{
				Open: opener(browsing(20, 5)...), Targets: []string{url}, MaxConns: tt.conns,
				Traffic: gameday.TrafficPlan{Connections: tt.connections, Timeout: gameday.Duration(time.Minute)},
			})
			total, _, _ := sum(slices, "")
			require.EqualValues(t, 100, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
			require.Equal(t, tt.unheld, traffic.Fidelity.Unheld > 0)
			if !tt.held {
				return
			}
			all := map[string]bool{}
			for conn, addrs := range h.of {
				require.Len(t, addrs, 1, "recorded connection %s", conn)
				for addr, n := range addrs {
					require.False(t, all[addr], "%s is shared", addr)
					require.Equal(t, 10, n)
					all[addr] = true
				}
			}
			require.Len(t, all, 10)
			require.EqualValues(t, 10, traffic.Fidelity.Connections)
		})
	}
}

// Streams that shared a connection over HTTP/2 do so again with all others. To a server that turns HTTP/2 down each recorded connection has one
// of its own, but for the requests that were on their way when it did, which are counted.
func TestRecordedConnectionsOfHTTPTwo(t *testing.T) {
	for _, tt := range []struct {
		name string
		h2   bool
	}{
		{"a server that speaks it", true},
		{"a server that turns it down", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := homes{of: map[string]map[string]int{}}
			xs := recordedAs("HTTP/2.0", browsing(20, 5))
			traffic, slices := play(t, Config{
				Open: opener(xs...), Targets: []string{clearText(t, tt.h2, h.ServeHTTP)},
				Traffic: gameday.TrafficPlan{Connections: connsRecorded, Timeout: gameday.Duration(time.Minute)},
			})
			total, _, _ := sum(slices, "")
			require.EqualValues(t, 100, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
			delete(h.of, "") // who asked for the protocol
			carried := traffic.Fidelity.Senders[byNetHTTP]
			require.Equal(t, carried, traffic.Fidelity.Unheld)
			all := map[string]int{} // recorded connections by live one
			for _, addrs := range h.of {
				for addr := range addrs {
					all[addr]++
				}
			}
			if tt.h2 {
				require.Len(t, all, 1)
				require.Zero(t, carried)
				return
			}
			require.Positive(t, carried)
			var shared int64 // at most those of net/http
			for _, addrs := range h.of {
				own := 0
				for addr, n := range addrs {
					if all[addr] == 1 {
						own = max(own, n)
					}
				}
				shared += int64(10 - own)
			}
			require.LessOrEqual(t, shared, carried)
		})
	}
}

// Copies of a session have connections of their own, and one that the server closes is counted when it is missed.
func TestHeldConnectionsOfCopiesAndClosers(t *testing.T) {
	h := homes{of: map[string]map[string]int{}}
	url := serve(t, h.ServeHTTP)
	xs := browsing(4, 1)
	xs[0].Target = "/last"
	for _, x := range xs {
		x.At *= 100 // the server's close is here when the connection is wanted again
	}
	traffic, _ := play(t, Config{
		Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Connections: connsRecorded, Amplify: 2, Timeout: gameday.Duration(time.Minute)},
	})
	require.Len(t, h.of["1"], 4, "two sessions, and each loses its first connection")
	require.Len(t, h.of["2"], 2)
	require.EqualValues(t, 2, traffic.Fidelity.Unheld)
}

// What names no connection finds one, though all are held for others.
func TestHeldConnectionsMakeRoom(t *testing.T) {
	h := homes{of: map[string]map[string]int{}}
	url := serve(t, h.ServeHTTP)
	xs := append(browsing(1, 4), get("nobody", 300*time.Millisecond, "/"))
	traffic, slices := play(t, Config{
		Open: opener(xs...), Targets: []string{url}, MaxConns: 4, Traffic: gameday.TrafficPlan{Connections: connsRecorded, Timeout: gameday.Duration(time.Minute)},
	})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 5, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.EqualValues(t, 5, traffic.Fidelity.Connections)
	require.Zero(t, traffic.Fidelity.Unheld)
}
