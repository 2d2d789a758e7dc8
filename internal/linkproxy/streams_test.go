package linkproxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serveStreams starts a callee of conversations that outlive a request: it upgrades at /socket and echoes what
// comes, and echoes the body of a request at /echo while it comes.
func (w *world) serveStreams(t *testing.T) {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/socket":
			c, buffered, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_, _ = io.Copy(c, buffered)
		case "/echo":
			answer := http.NewResponseController(rw)
			_ = answer.Flush()
			part := make([]byte, 64)
			for {
				n, err := r.Body.Read(part)
				_, _ = rw.Write(part[:n])
				_ = answer.Flush()
				if err != nil {
					return
				}
			}
		}
	})}
	l := w.listen(t)
	go server.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(func() { _ = server.Close() })
}

// conversation is one over the link: a WebSocket, or a stream of HTTP/2.
type conversation struct {
	io.Writer
	io.Reader
}

// says sends a line and waits for its echo.
func (s conversation) says(line string) error {
	if _, err := io.WriteString(s, line); err != nil {
		return err
	}
	_, err := io.ReadFull(s, make([]byte, len(line)))
	return err
}

func (w *world) streams(t *testing.T, h2 bool) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	transport := &http.Transport{
		Protocols: &protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialFrom(ctx, callerAddr, w.backend.Public)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// upgraded returns a WebSocket's connection.
func (w *world) upgraded(t *testing.T, client *http.Client) conversation {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://promotion/socket", nil)
	require.NoError(t, err)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	answer, err := client.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
	t.Cleanup(func() { _ = answer.Body.Close() })
	c := answer.Body.(io.ReadWriter)
	return conversation{c, c}
}

// multiplexed returns one stream of the client's only HTTP/2 connection.
func (w *world) multiplexed(t *testing.T, client *http.Client) conversation {
	t.Helper()
	body, to := io.Pipe()
	t.Cleanup(func() { _ = to.Close() })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://promotion/echo", body)
	require.NoError(t, err)
	answer, err := client.Do(r)
	require.NoError(t, err)
	require.Equal(t, 2, answer.ProtoMajor)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return conversation{to, answer.Body}
}

// swallowed waits until so many connections have lost bytes in a black hole.
func (w *world) swallowed(t *testing.T, connections int) {
	t.Helper()
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := 0
		for c := range w.conns {
			c.up.mu.Lock()
			if p := c.up.pipe; p != nil && p.chain != nil && p.chain.entered.Load() {
				n++
			}
			c.up.mu.Unlock()
		}
		return n == connections
	}, patience, time.Millisecond)
}

// counts returns the requests by code, without the rest of their labels.
func counts(t *testing.T, w *world) string {
	var all []string
	for line := range strings.Lines(scrape(t, w.Proxy)) {
		if rest, ok := strings.CutPrefix(line, "gameday_link_requests_total{"); ok {
			code, _, _ := strings.Cut(rest, ",")
			all = append(all, code+line[strings.Index(line, "}"):])
		}
	}
	return strings.TrimSpace(strings.Join(all, ""))
}

func TestFaultsBreakStreamsAndTheNextOneComesThroughAfterThem(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		const conversations = 3
		protocols := []struct {
			name        string
			open        func(*world, *testing.T, *http.Client) conversation
			connections int    // of all conversations together
			counted     string // when they are broken, and one more has been opened
		}{
			{"WebSocket", (*world).upgraded, conversations, `code="101"} 4`},
			{"HTTP/2", (*world).multiplexed, 1, `code="none"} 3`},
		}
		for _, row := range []struct {
			about string
			rule  Rule
			fault func(*testing.T, *world, []conversation, int) // with the rule in force; heals what hides the break
		}{
			{"a cut resets them", Rule{To: toPromotion, Cut: true}, nil},
			{"a reset answers their next bytes", Rule{To: toPromotion, Reset: true}, func(t *testing.T, _ *world, all []conversation, _ int) {
				for _, s := range all {
					_, _ = io.WriteString(s, "reset\n") // breaks before or after it has returned
				}
			}},
			{"a black hole swallows, and a stream with a hole in it does not go on", Rule{To: toPromotion, BlackHole: true}, func(t *testing.T, w *world, all []conversation, connections int) {
				for _, s := range all {
					_, err := io.WriteString(s, "lost\n")
					require.NoError(t, err)
				}
				w.swallowed(t, connections)
				w.SetRules(nil)
			}},
		} {
			for _, p := range protocols {
				t.Run(p.name+": "+row.about, func(t *testing.T) {
					w := newWorld(t, config)
					w.serveStreams(t)
					client := w.streams(t, p.name == "HTTP/2")
					var all []conversation
					for range conversations {
						s := p.open(w, t, client)
						require.NoError(t, s.says("hello\n"))
						all = append(all, s)
					}
					w.SetRules([]Rule{row.rule})
					if row.fault != nil {
						row.fault(t, w, all, p.connections)
					}
					for _, s := range all {
						_, err := s.Read(make([]byte, 1))
						require.Error(t, err)
						require.NotErrorIs(t, err, io.EOF, "an orderly end hides the break")
					}
					w.SetRules(nil)
					client.CloseIdleConnections()
					require.NoError(t, p.open(w, t, client).says("again\n"))
					require.Eventually(t, func() bool { return counts(t, w) == p.counted }, patience, 10*time.Millisecond)
				})
			}
		}
	})
}

// Latency holds each stream back, and heals without breaking one.
func TestLatencyLeavesStreamsWhole(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		for name, open := range map[string]func(*world, *testing.T, *http.Client) conversation{"WebSocket": (*world).upgraded, "HTTP/2": (*world).multiplexed} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, config)
				w.serveStreams(t)
				s := open(w, t, w.streams(t, name == "HTTP/2"))
				w.SetRules([]Rule{{To: toPromotion, Latency: 40 * time.Millisecond}})
				start := time.Now()
				require.NoError(t, s.says("slowly\n"))
				require.GreaterOrEqual(t, time.Since(start), 80*time.Millisecond)
				w.SetRules([]Rule{{To: toPromotion, Latency: time.Hour}})
				_, err := io.WriteString(s, "held\n")
				require.NoError(t, err)
				w.SetRules(nil)
				_, err = io.ReadFull(s, make([]byte, len("held\n")))
				require.NoError(t, err)
				require.NoError(t, s.says("at once\n"))
			})
		}
	})
}
