package replay

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// TestWhoWatchesSeesEveryAnswer: two players of one tape give the same ids to the same requests.
func TestWhoWatchesSeesEveryAnswer(t *testing.T) {
	s := &shop{users: map[string]string{}, owners: map[string]string{}, keys: map[string]bool{}}
	url := serve(t, s.ServeHTTP)
	var ids [2]map[[2]uint64]string
	for i := range ids {
		ids[i] = map[[2]uint64]string{}
		var mu sync.Mutex
		play(t, Config{
			Run: fmt.Sprint("r", i), Open: opener(buyer("s", "u", 0)...), Targets: []string{url},
			Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Amplify: 2, Identity: []string{"$.user"}},
			Watch: func(a *Answered) {
				mu.Lock()
				defer mu.Unlock()
				ids[i][a.ID] = a.Method + " " + a.Path + a.Suffix
				require.Equal(t, a.Recorded.Status, a.Status)
				if a.Path == "/orders" {
					require.Contains(t, string(a.Body), a.Live["o-17-s"], "what took the place of the recorded id")
					require.NotEmpty(t, a.Header.Get("Location"))
				}
			},
		})
	}
	require.Empty(t, s.bad)
	require.Len(t, ids[0], 8)
	require.Equal(t, ids[0], ids[1])
}

// TestTimesMoveWhereverValuesStand, by the difference between sending and recording.
func TestTimesMoveWhereverValuesStand(t *testing.T) {
	recorded, got := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), make(chan string, 1)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			got <- fmt.Sprint(r.URL, " ", r.Header.Get("If-Modified-Since"), " ", string(body))
		}
	})
	body := `{"day":"D","n":17,"keep":"x","user":"D"}`
	x := &Exchange{Method: "POST", Target: "/slots/D?at=D&b=x", Header: Header{{"If-Modified-Since", "D"}}, Body: []byte(body), Size: int64(len(body)), At: 100 * time.Millisecond}
	c := Config{
		Open: opener(x), Targets: []string{url}, Recorded: recorded,
		Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Rewrite: []gameday.Rewrite{{JSON: "$.user", Value: "u"}}},
		Shift: func(value string, then, now time.Time) (string, bool) {
			require.Equal(t, recorded.Add(x.At), then)
			require.WithinDuration(t, time.Now(), now, 10*time.Second)
			return map[string]string{"D": "E", "17": "18"}[value], value == "D" || value == "17"
		},
	}
	play(t, c)
	require.Equal(t, `/slots/E?at=E&b=x E {"day":"E","n":18,"keep":"x","user":"u"}`, <-got)
	c.Recorded = time.Time{}
	_, err := New(c)
	require.ErrorContains(t, err, "does not say when it was recorded")
}
