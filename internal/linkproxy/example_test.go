package linkproxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// A server is reached through the proxy, and the way to it is made slow while clients are connected.
func ExampleProxy() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer server.Close()
	proxy := linkproxy.New(linkproxy.Config{})
	defer proxy.Close()
	backend := linkproxy.Backend{
		Peer:    linkproxy.Peer{Service: "promotion"},
		Private: netip.MustParseAddrPort(server.Listener.Addr().String()),
	}
	at, err := proxy.OpenEntry(linkproxy.Entry{
		Listen:   netip.MustParseAddrPort("127.0.0.1:0"),
		Backends: func() []linkproxy.Backend { return []linkproxy.Backend{backend} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	took := func() time.Duration {
		start := time.Now()
		answer, err := http.Get("http://" + at.String())
		if err != nil {
			fmt.Println(err)
			return 0
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return time.Since(start)
	}
	fmt.Println("plain, answered:", took() > 0)
	proxy.SetRules([]linkproxy.Rule{{To: linkproxy.Match{Service: "promotion"}, Latency: 50 * time.Millisecond}})
	fmt.Println("slowed, over 100 ms:", took() >= 100*time.Millisecond)
	// Output:
	// plain, answered: true
	// slowed, over 100 ms: true
}
