package passive_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// wire writes down what passes the connections of a listener as packets.
type wire struct {
	net.Listener
	mu    sync.Mutex
	talks []*tcptest.Talk
	began time.Time
}

func (w *wire) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	talk := &tcptest.Talk{Client: netip.AddrPortFrom(client.Addr(), uint16(40_000+len(w.talks))), Server: server, Now: w.now()}
	talk.Open()
	w.talks = append(w.talks, talk)
	return &wired{Conn: c, wire: w, talk: talk}, nil
}

func (w *wire) now() time.Time { return monday.Add(time.Since(w.began)) }

// frames returns all packets, in order of time.
func (w *wire) frames() (all []tcptest.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, talk := range w.talks {
		all = append(all, talk.Frames...)
	}
	slices.SortStableFunc(all, func(a, b tcptest.Frame) int { return a.At.Compare(b.At) })
	return all
}

type wired struct {
	net.Conn
	wire   *wire
	talk   *tcptest.Talk
	early  []byte // received, as a packet, and not read yet
	closed bool
}

func (c *wired) send(toClient bool, b []byte) {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if c.closed {
		return
	}
	if now := c.wire.now(); now.After(c.talk.Now) {
		c.talk.Now = now
	}
	c.talk.Send(toClient, b)
}

func (c *wired) Read(b []byte) (int, error) {
	if len(c.early) == 0 {
		packet := make([]byte, 64<<10)
		n, err := c.Conn.Read(packet)
		if c.early = packet[:n]; err != nil {
			return 0, err
		}
		c.send(false, c.early)
	}
	n := copy(b, c.early)
	c.early = c.early[n:]
	return n, nil
}

func (c *wired) Write(b []byte) (int, error) {
	c.send(true, b) // before the client can react to it
	return c.Conn.Write(b)
}

func (c *wired) Close() error {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.talk.Close(true)
		c.talk.Close(false)
	}
	return c.Conn.Close()
}

// shopping is a service over HTTP/2, recorded from within.
func shopping(tap *capture.Tap) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Length", fmt.Sprint(len(body)))
		w.Header().Set("Trailer", "X-Sum")
		_, _ = w.Write(body)
		w.Header().Set("X-Sum", fmt.Sprint(len(body)))
	})
	mux.HandleFunc("/none/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/early/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, strings.Repeat("late ", 20_000))
	})
	mux.HandleFunc("/shop.Cart/", func(w http.ResponseWriter, r *http.Request) { // answers each message of gRPC at once
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		head := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, head); err != nil {
				break
			}
			text := make([]byte, head[4])
			_, _ = io.ReadFull(r.Body, text)
			_, _ = w.Write(append(head, text...))
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", "0")
	})
	h := &http.Server{Handler: capture.Handler(mux, tap), Protocols: new(http.Protocols)}
	h.Protocols.SetUnencryptedHTTP2(true)
	h.Protocols.SetHTTP1(true)
	return h
}

// shopAround sends what clients send, many at a time, and returns how many requests it were.
func shopAround(t *testing.T, url string) (requests int) {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport}
	var wg sync.WaitGroup
	do := func(r *http.Request) {
		requests++
		wg.Go(func() {
			resp, err := web.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			if err = cmp.Or(err, resp.Body.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	first, err := http.NewRequest(http.MethodGet, url+"/none/first", nil)
	require.NoError(t, err)
	do(first)
	wg.Wait() // there is a connection now, which all others share
	for i := range 40 {
		post, err := http.NewRequest(http.MethodPost, fmt.Sprint(url, "/echo/", i), strings.NewReader(strings.Repeat("b", i*i*100)))
		require.NoError(t, err)
		post.Header.Set("Cookie", fmt.Sprint("sid=user-", i%5, "; lang=en"))
		if i == 7 {
			post.Header.Set("X-Long", strings.Repeat("l", 50_000)) // takes several frames
		}
		if i == 9 {
			post.Trailer = http.Header{"X-Signature": {"signed"}}
			post.ContentLength = -1
		}
		do(post)
		for _, path := range []string{"/none/", "/early/", "/nowhere/"} {
			get, err := http.NewRequest([]string{http.MethodGet, http.MethodHead}[i%2], fmt.Sprint(url, path, i, "?q=a%20b"), nil)
			require.NoError(t, err)
			do(get)
		}
	}
	for i := range 3 {
		said, say := io.Pipe()
		call, err := http.NewRequest(http.MethodPost, fmt.Sprint(url, "/shop.Cart/Watch", i), said)
		require.NoError(t, err)
		call.Header.Set("Content-Type", "application/grpc")
		call.Header.Set("Te", "trailers")
		do(call)
		for n := range 4 {
			_, err := say.Write(append([]byte{0, 0, 0, 0, byte(n + 1)}, "abcd"[:n+1]...))
			require.NoError(t, err)
		}
		require.NoError(t, say.Close())
	}
	wg.Wait()
	return requests
}

// plainHeader are header lines as both ends of a service see them.
func plainHeader(h replay.Header) map[string][]string {
	m := make(map[string][]string)
	for _, f := range h {
		switch name := http.CanonicalHeaderKey(f.Name); name {
		case "Trailer", "Te", "Date", "Content-Length", "Content-Type", "X-Content-Type-Options": // what net/http keeps to itself, or adds
		default:
			m[name] = append(m[name], f.Value)
		}
	}
	return m
}

// requireSame compares what was put together from packets with what was recorded within the service.
func requireSame(t *testing.T, within, packets []*replay.Exchange) {
	require.Len(t, packets, len(within))
	byTarget := make(map[string]*replay.Exchange)
	for _, x := range within {
		byTarget[x.Target] = x
	}
	beats := func(x *replay.Exchange) (client, server []int64) {
		for _, b := range x.Beats {
			if b.FromServer {
				server = append(server, b.Size)
			} else {
				client = append(client, b.Size)
			}
		}
		return client, server
	}
	for _, got := range packets {
		want := byTarget[got.Target]
		require.NotNil(t, want, got.Target)
		require.Equal(t, [3]string{want.Method, want.Host, want.Proto}, [3]string{got.Method, got.Host, got.Proto})
		if strings.HasPrefix(want.Session, "user") { // else it is named for the connection
			require.Equal(t, want.Session, got.Session)
		}
		require.Equal(t, plainHeader(want.Header), plainHeader(got.Header), got.Target)
		require.Equal(t, plainHeader(want.Trailer), plainHeader(got.Trailer), got.Target)
		require.True(t, bytes.Equal(want.Body, got.Body), got.Target)
		require.NotNil(t, got.Response, got.Target)
		require.Equal(t, want.Response.Status, got.Response.Status)
		require.Equal(t, plainHeader(want.Response.Header), plainHeader(got.Response.Header), got.Target)
		require.Equal(t, plainHeader(want.Response.Trailer), plainHeader(got.Response.Trailer), got.Target)
		if got.Method != http.MethodHead {
			require.True(t, bytes.Equal(want.Response.Body, got.Response.Body), got.Target)
		}
		require.False(t, got.Response.Cut, got.Target)
		wantClient, wantServer := beats(want)
		gotClient, gotServer := beats(got)
		require.Equal(t, wantClient, gotClient, got.Target)
		require.Equal(t, wantServer, gotServer, got.Target)
	}
}

func TestPacketsOfARealServerTellWhatItSaw(t *testing.T) {
	within := new(shelf)
	tap := capture.NewTap(within, capture.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{Listener: l, began: time.Now()}
	service := shopping(tap)
	done := make(chan error, 1)
	go func() { done <- service.Serve(w) }()
	requests := shopAround(t, "http://"+l.Addr().String())
	require.NoError(t, service.Shutdown(t.Context()))
	require.ErrorIs(t, <-done, http.ErrServerClosed)
	require.NoError(t, tap.Close())
	require.Len(t, within.exchanges, requests)

	frames := w.frames()
	s, counts := captured(t, frames, 8080)
	require.Empty(t, counts.Lost)
	require.Empty(t, counts.Filtered)
	requireSame(t, within.exchanges, s.exchanges)
	requireAccounted(t, frames, counts)
	t.Logf("%d requests over %d connections: %v", requests, len(w.talks), counts.Bytes)

	asked, answered := tsharkCounts(t, frames)
	require.Equal(t, requests, asked, "tshark sees as many requests")
	var interim int
	for _, x := range within.exchanges {
		if strings.HasPrefix(x.Target, "/early/") {
			interim++
		}
	}
	require.Equal(t, requests+interim, answered, "and responses, interim ones among them")
}

// tsharkCounts is how many heads of requests and responses tshark finds in packets.
func tsharkCounts(t *testing.T, frames []tcptest.Frame) (asked, answered int) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark for the rest")
	}
	file := filepath.Join(t.TempDir(), "h2.pcap")
	require.NoError(t, os.WriteFile(file, pcapOf(t, frames), 0o600))
	// Messages that are no protobuf would end its reading of their packets.
	out, err := exec.CommandContext(t.Context(), tshark, "-r", file, "-d", "tcp.port==8080,http2", "--disable-protocol", "grpc", "-T", "fields",
		"-e", "http2.headers.method", "-e", "http2.headers.status").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		methods, statuses, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		asked += values(methods)
		answered += values(statuses)
	}
	return asked, answered
}

func values(list string) int {
	if list == "" {
		return 0
	}
	return 1 + strings.Count(list, ",")
}

// TestHTTPTwoIsCapturedAtAnInterface does it with packets of the kernel.
func TestHTTPTwoIsCapturedAtAnInterface(t *testing.T) {
	if inNamespace(t) {
		return
	}
	within, s := new(shelf), new(shelf)
	tap := capture.NewTap(within, capture.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ports := []uint16{uint16(l.Addr().(*net.TCPAddr).Port)}
	from, err := passive.Interfaces{Names: []string{"lo"}, Ports: ports, Buffer: 64 << 20}.Open()
	require.NoError(t, err)
	watch := passive.New(from, s, passive.Options{Ports: ports})
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- watch.Run(ctx) }()
	service := shopping(tap)
	done := make(chan error, 1)
	go func() { done <- service.Serve(l) }()
	requests := shopAround(t, "http://"+l.Addr().String())
	require.NoError(t, service.Shutdown(t.Context()))
	require.ErrorIs(t, <-done, http.ErrServerClosed)
	require.NoError(t, tap.Close())
	require.Eventually(t, func() bool { return watch.Counts().Captured == uint64(requests) }, time.Minute, 10*time.Millisecond, "it may be behind")
	stop()
	require.NoError(t, <-watched)
	require.NoError(t, from.Close())
	counts := watch.Counts()
	require.Empty(t, counts.Lost)
	require.Len(t, s.exchanges, requests)
	requireSame(t, within.exchanges, s.exchanges)
	t.Logf("%v", counts)
}
