package replay

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// serveFrames is serveNull over HTTP/2 without TLS, by net/http.
func serveFrames() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	fmt.Println(l.Addr())
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "Hello world\n")
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		s.Close()
	}()
	_ = s.Serve(l)
}

// BenchmarkHTTP2 has 64 requests in flight at a time, as many as can be sent and at a fixed rate, by the trunk and by a
// courier in turn. The server is a process of its own.
func BenchmarkHTTP2(b *testing.B) {
	for _, way := range []struct {
		name    string
		courier bool
	}{{"trunk", false}, {"courier", true}} {
		b.Run("saturated/"+way.name, func(b *testing.B) {
			benchRun(b, Config{
				Open: opener(every(b.N, 1_000_000, 64)...), Targets: []string{nullOf(b, "HTTP/2")}, HTTP2: true,
				Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(time.Hour)},
			}, way.courier)
		})
		b.Run("2000 a second/"+way.name, func(b *testing.B) {
			benchRun(b, Config{Open: opener(every(2000*b.N, 2000, 200)...), Targets: []string{nullOf(b, "HTTP/2")}, HTTP2: true}, way.courier)
		})
	}
}
