package replay_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

func ExamplePlayer() {
	system := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/about" {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer system.Close()

	player, err := replay.New(replay.Config{
		Flows: []gameday.Flow{{Name: "browse", Path: "/products/*", Criticality: gameday.Core}},
		Open: func() (replay.Source, error) { // a tape, or as here a shape
			return replay.Shape(vegeta.ConstantPacer{Freq: 100, Per: time.Second}, 500*time.Millisecond,
				vegeta.Target{Method: "GET", URL: "http://shop/products/7"},
				vegeta.Target{Method: "GET", URL: "http://shop/about"}), nil
		},
		Targets: []string{system.URL},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	traffic, err := player.Run(context.Background(), time.Now(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range traffic.Slices {
		fmt.Println(s.Flow, s.Due, s.Sent, s.Classes)
	}
	// Output:
	// browse 25 25 map[ok:25]
	// other 25 25 map[rejected:25]
}
