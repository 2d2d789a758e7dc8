package linkproxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/exposition"
)

var (
	callerAddr  = netip.MustParseAddr("127.13.1.1")
	calleeAddr  = netip.MustParseAddr("127.13.2.1")
	callerPeer  = Peer{Service: "order", Zone: "z1", Instance: "order-z1-1"}
	calleePeer  = Peer{Service: "promotion", Zone: "z3", Instance: "promotion-z3-1"}
	toPromotion = Match{Service: "promotion"}
)

// patience is for what comes at once on a quiet machine, and must come on a busy one.
const patience = time.Minute

// world is one callee behind a proxy: an HTTP server or an echo server.
type world struct {
	*Proxy
	backend Backend
}

// eitherWay runs a test with loops, where there are any, and with goroutines alone.
func eitherWay(t *testing.T, test func(*testing.T, Config)) {
	t.Run("loops", func(t *testing.T) { test(t, Config{}) })
	t.Run("goroutines", func(t *testing.T) { test(t, Config{goroutines: true}) })
}

func freePort(t testing.TB, addr netip.Addr) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(addr, 0).String())
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func newWorld(t testing.TB, config Config) *world {
	t.Helper()
	config.Identify = func(a netip.Addr) Peer {
		if a == callerAddr {
			return callerPeer
		}
		return Peer{Service: "client"}
	}
	w := &world{Proxy: New(config), backend: Backend{Peer: calleePeer, Public: freePort(t, calleeAddr)}}
	t.Cleanup(w.Close)
	return w
}

func (w *world) listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(calleeAddr, 0).String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	w.backend.Private = l.Addr().(*net.TCPAddr).AddrPort()
	require.NoError(t, w.Open(w.backend))
	return l
}

func (w *world) serveHTTP(t testing.TB) {
	t.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			http.NotFound(rw, r)
			return
		}
		fmt.Fprint(rw, r.RemoteAddr)
	})}
	l := w.listen(t)
	go server.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(func() { _ = server.Close() })
}

func (w *world) serveEcho(t testing.TB) {
	t.Helper()
	l := w.listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

func (w *world) dial(t testing.TB) *net.TCPConn {
	t.Helper()
	c, err := dialFrom(context.Background(), callerAddr, w.backend.Public)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c
}

func (w *world) client() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialFrom(ctx, callerAddr, w.backend.Public)
		},
	}}
}

// echo sends a line and returns how long its echo took.
func echo(t testing.TB, c net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	_, err := io.WriteString(c, "hello\n")
	require.NoError(t, err)
	var answer [6]byte
	_, err = io.ReadFull(c, answer[:])
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(answer[:]))
	return time.Since(start)
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestTheCalleeSeesTheCallersAddress(t *testing.T) {
	w := newWorld(t, Config{})
	w.serveHTTP(t)
	answer, err := w.client().Get("http://promotion/")
	require.NoError(t, err)
	defer answer.Body.Close()
	seen, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(seen), callerAddr.String()+":"), "callee saw %s", seen)
}

func TestAPlainConnectionCarriesLargeBodiesUnchanged(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		w.serveEcho(t)
		c := w.dial(t)
		const size = 3 << 20
		go func() {
			_, _ = io.Copy(c, io.LimitReader(pattern{}, size))
			_ = c.CloseWrite()
		}()
		requirePattern(t, c, size)
	})
}

func TestAShapedConnectionCarriesLargeBodiesUnchanged(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		config.Latency = func(_, _ Peer) time.Duration { return 5 * time.Millisecond }
		w := newWorld(t, config)
		w.serveEcho(t)
		c := w.dial(t)
		const size = 1 << 20
		go func() {
			_, _ = io.Copy(c, io.LimitReader(pattern{}, size))
			_ = c.CloseWrite()
		}()
		requirePattern(t, c, size)
	})
}

func TestRulesThatComeAndGoDuringATransferLoseNothing(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		config.Seed = 7
		w := newWorld(t, config)
		w.serveEcho(t)
		c := w.dial(t)
		const size = 4 << 20
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			shapes := [][]Rule{
				nil,
				{{To: toPromotion, Latency: 3 * time.Millisecond, Jitter: 2 * time.Millisecond}},
				{{To: toPromotion, Bandwidth: 50_000_000}},
				{{To: toPromotion, Latency: time.Millisecond}, {To: toPromotion, SlowClose: time.Millisecond}},
			}
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
					w.SetRules(shapes[i%len(shapes)])
				}
			}
		}()
		go func() {
			_, _ = io.Copy(c, io.LimitReader(pattern{}, size))
			_ = c.CloseWrite()
		}()
		requirePattern(t, c, size)
		close(stop)
		<-stopped
	})
}

func TestLatencyActsOnNewAndEstablishedConnectionsInEitherDirection(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		const added = 80 * time.Millisecond
		for _, row := range []struct {
			about string
			rule  Rule
			least time.Duration
		}{
			{"the request is late", Rule{To: toPromotion, Direction: Request, Latency: added}, added},
			{"the response is late", Rule{To: toPromotion, Direction: Response, Latency: added}, added},
			{"both are late", Rule{To: toPromotion, Latency: added}, 2 * added},
			{"jitter never takes more than it may", Rule{To: toPromotion, Direction: Request, Latency: added, Jitter: added / 4}, added * 3 / 4},
		} {
			t.Run(row.about, func(t *testing.T) {
				w := newWorld(t, config)
				w.serveEcho(t)
				established := w.dial(t)
				echo(t, established)
				w.SetRules([]Rule{row.rule})
				for _, c := range []net.Conn{established, w.dial(t)} {
					require.GreaterOrEqual(t, echo(t, c), row.least)
				}
			})
		}
	})
}

// What comes in spite of a latency that nobody waits for was not held back by it, however busy the machine is.
func TestARuleSlowsNothingButWhatItNames(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		for _, row := range []struct {
			about string
			rule  Rule
		}{
			{"another caller is not touched", Rule{From: Match{Service: "cart"}, To: toPromotion, Latency: time.Hour}},
			{"another zone is not touched", Rule{To: Match{Service: "promotion", Zone: "z1"}, Latency: time.Hour}},
			{"the way there is not the way back", Rule{To: Match{Service: "order"}, Latency: time.Hour}},
		} {
			t.Run(row.about, func(t *testing.T) {
				w := newWorld(t, config)
				w.serveEcho(t)
				established := w.dial(t)
				w.SetRules([]Rule{row.rule})
				echo(t, established)
				echo(t, w.dial(t))
			})
		}
		t.Run("a late response leaves the request alone", func(t *testing.T) {
			w := newWorld(t, config)
			l := w.listen(t)
			w.SetRules([]Rule{{To: toPromotion, Direction: Response, Latency: time.Hour}})
			requireLine(t, l, w.dial(t))
		})
	})
}

// requireLine sends a line, and finds that it arrives.
func requireLine(t *testing.T, l net.Listener, c net.Conn) {
	t.Helper()
	_, err := io.WriteString(c, "one way\n")
	require.NoError(t, err)
	callee, err := l.Accept()
	require.NoError(t, err)
	defer callee.Close()
	require.NoError(t, callee.SetDeadline(time.Now().Add(patience)))
	line, err := bufio.NewReader(callee).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "one way\n", line)
}

func TestHealingLetsGoOfWhatIsHeldBackAtOnce(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		w.serveEcho(t)
		c := w.dial(t)
		w.SetRules([]Rule{{To: toPromotion, Latency: time.Hour}})
		_, err := io.WriteString(c, "hello\n")
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, errTimeout(err))
		w.SetRules(nil)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		var answer [6]byte
		_, err = io.ReadFull(c, answer[:])
		require.NoError(t, err)
		echo(t, c)
	})
}

// errTimeout returns err when it is a timeout, and something else than err otherwise.
func errTimeout(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return errors.New("a timeout")
}

func TestACutBreaksEstablishedConnectionsAndRefusesNewOnes(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		w.serveEcho(t)
		c := w.dial(t)
		echo(t, c)
		w.SetRules([]Rule{{From: Match{Service: "order"}, To: toPromotion, Cut: true}})
		_, err := c.Read(make([]byte, 1))
		require.True(t, isReset(err), "established: %v", err)

		fresh, err := dialFrom(context.Background(), callerAddr, w.backend.Public)
		if err == nil { // the kernel accepts before the proxy sees it
			defer fresh.Close()
			_, err = fresh.Read(make([]byte, 1))
		}
		require.True(t, isReset(err), "new: %v", err)

		w.SetRules(nil)
		echo(t, w.dial(t))
	})
}

func TestABlackHoleSwallowsAndHealsWithAResetWhenBytesWereLost(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		w.serveEcho(t)
		idle, busy := w.dial(t), w.dial(t)
		echo(t, idle)
		echo(t, busy)
		w.SetRules([]Rule{{To: toPromotion, BlackHole: true}})
		_, err := io.WriteString(busy, "lost\n")
		require.NoError(t, err)
		require.NoError(t, busy.SetReadDeadline(time.Now().Add(time.Second))) // by then it is swallowed
		_, err = busy.Read(make([]byte, 1))
		require.ErrorIs(t, err, errTimeout(err))

		w.SetRules(nil)
		require.NoError(t, busy.SetReadDeadline(time.Now().Add(patience)))
		_, err = busy.Read(make([]byte, 1))
		require.True(t, isReset(err), "a stream with a hole in it must not go on: %v", err)
		echo(t, idle)
	})
}

func TestABlackHoleOfResponsesStillDeliversRequests(t *testing.T) {
	w := newWorld(t, Config{})
	l := w.listen(t)
	w.SetRules([]Rule{{To: toPromotion, Direction: Response, BlackHole: true}})
	requireLine(t, l, w.dial(t))
}

func TestResetAnswersTheFirstBytes(t *testing.T) {
	w := newWorld(t, Config{})
	w.serveEcho(t)
	w.SetRules([]Rule{{To: toPromotion, Reset: true}})
	c := w.dial(t)
	_, err := io.WriteString(c, "hello\n")
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.True(t, isReset(err), "%v", err)
}

func TestSlowCloseHoldsTheEndBack(t *testing.T) {
	const held = 120 * time.Millisecond
	w := newWorld(t, Config{})
	w.serveEcho(t)
	w.SetRules([]Rule{{To: toPromotion, Direction: Request, SlowClose: held}})
	c := w.dial(t)
	echo(t, c)
	start := time.Now()
	require.NoError(t, c.CloseWrite())
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.GreaterOrEqual(t, time.Since(start), held)
}

func TestBandwidthBoundsTheRate(t *testing.T) {
	w := newWorld(t, Config{})
	w.serveEcho(t)
	w.SetRules([]Rule{{To: toPromotion, Direction: Request, Bandwidth: 200_000}})
	c := w.dial(t)
	const size = 50_000
	start := time.Now()
	go func() {
		_, _ = io.Copy(c, io.LimitReader(pattern{}, size))
		_ = c.CloseWrite()
	}()
	requirePattern(t, c, size)
	took := time.Since(start)
	require.GreaterOrEqual(t, took, 200*time.Millisecond, "%d bytes at 200 kB/s, of which a burst may go at once", size)
	require.Less(t, took, 20*time.Second, "nor a hundred times as slow")
}

func TestAShutPortRefusesAndOpensAgain(t *testing.T) {
	w := newWorld(t, Config{})
	w.serveEcho(t)
	echo(t, w.dial(t))
	w.Shut(w.backend.Public)
	_, err := dialFrom(context.Background(), callerAddr, w.backend.Public)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, w.Open(w.backend))
	echo(t, w.dial(t))
}

func TestAnEntryTakesTurnsAmongBackendsThatAreNotCut(t *testing.T) {
	w := newWorld(t, Config{})
	w.serveHTTP(t)
	gone := w.backend
	gone.Peer = Peer{Service: "promotion", Zone: "z1", Instance: "promotion-z1-1"}
	gone.Private = freePort(t, calleeAddr) // nobody listens there
	at, err := w.OpenEntry(Entry{
		Name: "shop", Listen: netip.MustParseAddrPort("127.13.0.1:0"),
		Backends: func() []Backend { return []Backend{gone, w.backend} },
	})
	require.NoError(t, err)
	w.SetRules([]Rule{{To: Match{Zone: "z1"}, Cut: true}})
	for range 4 {
		_, err := Probe(t.Context(), callerAddr, at)
		require.NoError(t, err)
	}
}

func TestClosingEndsHeldBackConnections(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		w.serveEcho(t)
		w.SetRules([]Rule{{To: toPromotion, Latency: time.Hour, SlowClose: time.Hour}})
		for range 5 {
			_, err := io.WriteString(w.dial(t), "hello\n")
			require.NoError(t, err)
		}
		done := make(chan struct{})
		go func() {
			w.Close()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("close waits for connections that are held back")
		}
	})
}

func TestRequestsAreCountedByLinkAndCode(t *testing.T) {
	eitherWay(t, func(t *testing.T, config Config) {
		w := newWorld(t, config)
		w.serveHTTP(t)
		client := w.client()
		for _, path := range []string{"/", "/", "/missing", "/"} {
			answer, err := client.Get("http://promotion" + path)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
		_, err := Probe(t.Context(), callerAddr, w.backend.Public)
		require.NoError(t, err)
		client.CloseIdleConnections()

		seen := scrape(t, w.Proxy)
		for _, line := range []string{
			`gameday_link_requests_total{code="200",dst="promotion",dst_zone="z3",src="order",src_zone="z1"} 3`,
			`gameday_link_requests_total{code="404",dst="promotion",dst_zone="z3",src="order",src_zone="z1"} 1`,
			`gameday_link_connections_total{dst="promotion",dst_zone="z3",outcome="opened",src="order",src_zone="z1"} 2`,
		} {
			require.Contains(t, seen, line+"\n")
		}
		require.Regexp(t, `gameday_link_sliding_1s_max{code="200",dst="promotion",src="order"} [1-3]\n`, seen)
		require.NotContains(t, seen, `code="none"`, "a probe is not a request")
	})
}

// scrape returns what a proxy exposes, after a look at its form.
func scrape(t testing.TB, p *Proxy) string {
	t.Helper()
	page := httptest.NewRecorder()
	exposition.Handler(p.Expose).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	problems, err := promlint.New(bytes.NewReader(page.Body.Bytes())).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	return page.Body.String()
}

// pattern is an endless stream whose every byte is known by its place.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	n := len(p) - len(p)%251
	if n == 0 {
		n = len(p)
	}
	for i := range n {
		p[i] = byte(i % 251)
	}
	return n, nil
}

// requirePattern reads to the end and compares. The sender's reads are whole periods, save the last.
func requirePattern(t testing.TB, r io.Reader, size int) {
	t.Helper()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Len(t, got, size)
	for i, b := range got {
		if b != byte(i%251) {
			t.Fatalf("byte %d is %d, want %d", i, b, i%251)
		}
	}
}

func TestACalleeThatIsGoneIsNotWaitedForWhenAllIsHeldBack(t *testing.T) {
	w := newWorld(t, Config{})
	l := w.listen(t)
	w.SetRules([]Rule{{To: toPromotion, Direction: Response, Bandwidth: 1000}})
	c := w.dial(t)
	callee, err := l.Accept()
	require.NoError(t, err)
	full(t, callee.(*net.TCPConn))
	reset(callee.(*net.TCPConn))
	_, err = io.WriteString(c, "who is there?")
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.Copy(io.Discard, c)
	require.True(t, isReset(err), "%v", err)
}
