package capture_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// A service records itself, and what it asks of others, onto one tape.
func ExampleHandler() {
	dir, err := os.MkdirTemp("", "gameday")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing depends on it
	path := filepath.Join(dir, "shop.gdtape")
	redactor, err := redact.New(redact.Rules{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := tape.Create(path, tape.Meta{Source: "shop", Redaction: redactor.Policy()}, tape.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	tap := capture.NewTap(w, capture.Options{
		Source: "shop", Redact: redactor.Exchange,
		Sample: 1, Budget: capture.Budget{CPU: 0.2}, // a fifth of a core at most
	})

	shop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "tea") })
	server := httptest.NewServer(capture.Handler(shop, tap))
	resp, err := http.Get(server.URL + "/products/17")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	server.Close()
	fmt.Println(tap.Close(), w.Close())

	in, err := tape.Open(path, tape.ReadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, err := in.Next()
	fmt.Println(x.Method, x.Target, x.Response.Status, string(x.Response.Body), err, in.Close())
	// Output:
	// <nil> <nil>
	// GET /products/17 200 tea <nil> <nil>
}

// A client records what it asks.
func ExampleRoundTripper() {
	var m memory // a tape.Writer in earnest
	tap := capture.NewTap(&m, capture.Options{})
	stock := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "12 left") }))
	defer stock.Close()

	client := &http.Client{Transport: capture.RoundTripper(nil, tap)}
	resp, err := client.Get(stock.URL + "/stock/17")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body) // the exchange ends with the body
	_ = resp.Body.Close()
	fmt.Println(tap.Close())
	fmt.Println(m.xs[0].Method, m.xs[0].Target, string(m.xs[0].Response.Body))
	// Output:
	// <nil>
	// GET /stock/17 12 left
}
