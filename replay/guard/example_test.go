package guard_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gameday-dev/gameday/replay/guard"
)

// A service takes replays that are signed with the key it shares with whoever replays, and lets them call the
// stock service only.
func Example() {
	g, err := guard.New(guard.Config{
		Service:  "order",
		Keys:     [][]byte{[]byte("from the environment, not from the code")},
		Outbound: []string{"stock.staging.internal"},
	})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: g.Transport(nil)}
	handler := g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if replay, ok := guard.FromContext(r.Context()); ok {
			fmt.Fprintln(w, "no mail for run", replay.Run)
			return
		}
		_ = client // sends what the request asks for, with r.Context()
		fmt.Fprintln(w, "welcome")
	}))

	for _, colour := range []string{"", "peak-2026-11"} {
		r := httptest.NewRequest("POST", "/orders", nil)
		if colour != "" {
			r.Header.Set("X-Gameday-Replay", colour) // but nobody signed it
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get(guard.RefusedHeader))
	}
	fmt.Printf("%+v\n", g.Counts())
	// Output:
	// 200 ""
	// 403 "unsigned"
	// {Ordinary:1 Replayed:0 Unsigned:1 Expired:0 Loops:0 Blocked:0}
}

// Calls on behalf of a replayed request carry a mark of their own, so that the next guard can verify them, and go
// nowhere that was not allowed.
func ExampleGuard_Transport() {
	g, err := guard.New(guard.Config{Service: "order", Keys: [][]byte{[]byte("from the environment, not from the code")}})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: g.Transport(nil)}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("mark: %q\n", r.Header.Get("X-Gameday-Mark"))
	}))
	defer service.Close()
	resp, err := client.Get(service.URL) // on behalf of nobody: an ordinary call
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output: mark: ""
}
