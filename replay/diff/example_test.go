package diff_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/diff"
)

// tape is a recording of one answer.
type tape struct{ played bool }

func (t *tape) Next() (*replay.Exchange, error) {
	if t.played {
		return nil, io.EOF
	}
	t.played = true
	body := []byte(`{"name":"Green tea","price":499,"at":"2026-01-02T03:04:05Z"}`)
	return &replay.Exchange{
		Method: "GET", Target: "/products/17",
		Response: &replay.Response{Status: 200, Header: replay.Header{{Name: "Content-Type", Value: "application/json"}}, Body: body, Size: int64(len(body))},
	}, nil
}

// A comparer is given the answers of a player, and says at the end which differ from the recording, and where.
func Example() {
	system := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"name":"Green tea","price":599,"at":"2026-11-02T03:04:05Z"}`)
	}))
	defer system.Close()
	comparer, err := diff.WithRecording(diff.Options{})
	if err != nil {
		log.Fatal(err)
	}
	player, err := replay.New(replay.Config{
		Open:    func() (replay.Source, error) { return &tape{}, nil },
		Targets: []string{system.URL},
		Watch:   comparer.Candidate,
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := player.Run(context.Background(), time.Now(), nil); err != nil {
		log.Fatal(err)
	}
	d := comparer.Close()
	fmt.Println(d.Compared, "compared:", d.Classes)
	for _, f := range d.Routes[0].Fields {
		fmt.Printf("%s %s %q\n", d.Routes[0].Route, f.Path, f.Noisy)
	}
	// Output:
	// 1 compared: map[wrong:1]
	// GET /products/{} $.price ""
	// GET /products/{} $.at "both are times"
}
