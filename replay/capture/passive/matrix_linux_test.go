package passive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// matrix is the traffic that captures are measured with: what clients and servers do that is hard to see from
// outside. Each case is one connection. Strings that a turn writes go out one by one, in packets of their own.
var matrix = []struct {
	name   string
	repeat int // connections; 0 means 1
	turns  []turn
	asks   int // requests in all turns
}{
	{name: "a request and its response", asks: 1, turns: []turn{{get(1), ok("a")}}},
	{name: "three on a kept connection", asks: 3, turns: []turn{{get(1), ok("a")}, {get(2), ok("b")}, {get(3), ok("c")}}},
	{name: "a POST in two packets", asks: 1, turns: []turn{{parts("POST /1 HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc", "def"), ok("a")}}},
	{name: "a POST of 3 MB", asks: 1, turns: []turn{{post(1, 3<<20), ok("a")}}},
	{name: "a response of 3 MB", asks: 1, turns: []turn{{get(1), ok(strings.Repeat("r", 3<<20))}}},
	{name: "bodies of 200 KB, 30 connections", repeat: 30, asks: 3, turns: []turn{{post(1, 200_000), ok("a")}, {post(2, 200_000), ok("b")}, {post(3, 200_000), ok("c")}}},
	{name: "a head cut within a line", asks: 1, turns: []turn{{parts("GET /1 HTTP/1.1\r\nHo", "st: shop\r\n\r\n"), ok("a")}}},
	{name: "a request line cut", asks: 1, turns: []turn{{parts("GE", "T /1 HT", "TP/1.1\r\nHost: shop\r\n\r\n"), ok("a")}}},
	{name: "the end of the head cut", asks: 1, turns: []turn{{parts("GET /1 HTTP/1.1\r\nHost: shop\r\n\r", "\n"), ok("a")}}},
	{name: "three pipelined", asks: 3, turns: []turn{{parts(get(1)[0] + get(2)[0] + get(3)[0]), parts(ok("a")[0] + ok("b")[0] + ok("c")[0])}}},
	{name: "Expect: 100-continue", asks: 1, turns: []turn{
		{parts("POST /1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"), parts("HTTP/1.1 100 Continue\r\n\r\n")},
		{parts("abc"), ok("a")},
	}},
	{name: "the terminator of the chunks cut", asks: 1, turns: []turn{{parts("POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "\r\n"), ok("a")}}},
	{name: "chunk data that looks like the terminator", asks: 1, turns: []turn{{parts("POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n0\r\n\r\n", "abc\r\n0\r\n\r\n"), ok("a")}}},
	{name: "a response that ends with the connection", asks: 1, turns: []turn{{get(1), parts("HTTP/1.1 200 OK\r\n\r\nall ", "of it")}}},
	{name: "HEAD, 304 and a chunked response, its terminator cut", asks: 3, turns: []turn{
		{parts("HEAD /1 HTTP/1.1\r\nHost: shop\r\n\r\n"), parts("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")},
		{get(2), parts("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n")},
		{get(3), parts("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", "\r\n")},
	}},
}

// turn is what the client writes, and then the server.
type turn struct{ client, server []string }

func parts(p ...string) []string { return p }

func get(n int) []string { return parts(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n", n)) }

func post(n, size int) []string {
	return parts(fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n", n, size) + strings.Repeat("p", size))
}

func ok(body string) []string {
	return parts(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
}

// pause lets what was written leave as a packet before the next is written.
const pause = 3 * time.Millisecond

// perform holds all cases between a dialer and a listener, each on a port of its own, after watch is called with the ports.
func perform(t *testing.T, dial func(port int) (net.Conn, error), listen func() (net.Listener, error), watch func(ports []uint16)) {
	var listeners []net.Listener
	var ports []uint16
	for range matrix {
		l, err := listen()
		require.NoError(t, err)
		defer l.Close() //nolint:errcheck // a test's
		listeners = append(listeners, l)
		ports = append(ports, uint16(l.Addr().(*net.TCPAddr).Port))
	}
	watch(ports)
	for i, c := range matrix {
		for range max(c.repeat, 1) {
			near, err := dial(int(ports[i]))
			require.NoError(t, err)
			far, err := listeners[i].Accept()
			require.NoError(t, err)
			for _, turn := range c.turns {
				send(t, near, far, turn.client)
				send(t, far, near, turn.server)
			}
			require.NoError(t, far.Close())
			require.NoError(t, near.Close())
		}
	}
}

// send writes parts and reads them at the other end.
func send(t *testing.T, from, to net.Conn, parts []string) {
	want := strings.Join(parts, "")
	failed := make(chan error, 1)
	go func() {
		var err error
		for i, part := range parts {
			if i > 0 {
				time.Sleep(pause)
			}
			_, werr := io.WriteString(from, part)
			err = errors.Join(err, werr)
		}
		failed <- err
	}()
	got := make([]byte, len(want))
	_, err := io.ReadFull(to, got)
	require.NoError(t, err)
	require.NoError(t, <-failed)
	require.True(t, want == string(got))
}

// score says how much of each case a recording holds, whole.
type score struct{ requests, responses, of int }

func (s score) String() string { return fmt.Sprintf("%d and %d of %d", s.requests, s.responses, s.of) }

// judge compares a recording with the traffic.
func judge(found map[int][]*replay.Exchange) (scores []score) {
	for i, c := range matrix {
		repeat := max(c.repeat, 1)
		s := score{of: c.asks * repeat}
		wants := expectations(i)
		left := make(map[string]int)
		for target := range wants {
			left[target] = repeat
		}
		for _, x := range found[i] {
			want, ok := wants[x.Target]
			if !ok || x.Method != want.Method || !bytes.Equal(x.Body, want.Body) || left[x.Target] == 0 {
				continue
			}
			left[x.Target]--
			s.requests++
			if r := x.Response; r != nil && r.Status == want.Response.Status && bytes.Equal(r.Body, want.Response.Body) && !r.Cut {
				s.responses++
			}
		}
		scores = append(scores, s)
	}
	return scores
}

// expectations are the exchanges of a case by target: what the reader makes of its bytes in whole packets.
func expectations(i int) map[string]*replay.Exchange {
	var lines []string
	for _, t := range matrix[i].turns {
		lines = append(lines, "> "+strings.Join(t.client, ""), "< "+strings.Join(t.server, ""))
	}
	s := new(shelf)
	o := passive.Options{Options: capture.Options{Start: monday, Wait: true}}
	_ = passive.New(&packets{frames: say(append(lines, "")...).Frames}, s, o).Run(context.Background())
	all := make(map[string]*replay.Exchange)
	for _, x := range s.exchanges {
		all[x.Target] = x
	}
	return all
}

// inNamespace is short for what most tests with packets of the kernel begin with.
func inNamespace(t *testing.T) (outside bool) { return tcptest.InNamespace(t) }

func command(t *testing.T, name string, args ...string) {
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// link is a way between a client and a server that can be watched at an interface.
type link struct {
	watch  []string // interfaces
	dial   func(port int) (net.Conn, error)
	listen func() (net.Listener, error)
}

func loopback() link {
	return link{
		watch:  []string{"lo"},
		dial:   func(port int) (net.Conn, error) { return net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)) },
		listen: func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") },
	}
}

func loopback6() link {
	return link{
		watch:  []string{"lo"},
		dial:   func(port int) (net.Conn, error) { return net.Dial("tcp", fmt.Sprintf("[::1]:%d", port)) },
		listen: func() (net.Listener, error) { return net.Listen("tcp", "[::1]:0") },
	}
}

// cable is a pair of network cards with packets of 1500 bytes, the client's in another namespace.
func cable(t *testing.T) link {
	thread, jobs := make(chan int), make(chan func())
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
		}
		thread <- unix.Gettid()
		for job := range jobs {
			job()
		}
	}()
	t.Cleanup(func() { close(jobs) })
	there := func(f func()) {
		done := make(chan struct{})
		jobs <- func() { defer close(done); f() }
		<-done
	}
	command(t, "ip", "link", "add", "near0", "mtu", "1500", "type", "veth", "peer", "name", "far0", "netns", fmt.Sprint(<-thread))
	command(t, "ip", "link", "set", "near0", "gso_max_segs", "1")
	command(t, "ip", "address", "add", "10.9.0.1/24", "dev", "near0")
	command(t, "ip", "link", "set", "near0", "up")
	there(func() {
		command(t, "ip", "link", "set", "far0", "gso_max_segs", "1")
		command(t, "ip", "address", "add", "10.9.0.2/24", "dev", "far0")
		command(t, "ip", "link", "set", "far0", "up")
	})
	return link{
		watch: []string{"near0"},
		dial: func(port int) (c net.Conn, err error) {
			there(func() { c, err = net.DialTimeout("tcp", fmt.Sprintf("10.9.0.1:%d", port), 5*time.Second) })
			return c, err
		},
		listen: func() (net.Listener, error) { return net.Listen("tcp", "10.9.0.1:0") },
	}
}

func TestNothingOfTheMatrixIsLostOnRealSockets(t *testing.T) {
	if inNamespace(t) {
		return
	}
	for _, c := range []struct {
		name string
		link func() link
	}{
		{"loopback", loopback},
		{"loopback, IPv6", loopback6},
		{"loopback, as one of any", func() link { l := loopback(); l.watch = []string{passive.Any}; return l }},
		{"cable with packets of 1500 bytes", func() link { return cable(t) }},
		{"loopback, beside the cable", func() link { l := loopback(); l.watch = []string{"near0", "lo"}; return l }},
	} {
		t.Run(c.name, func(t *testing.T) {
			scores, counts, gor := beside(t, c.link())
			for i, s := range scores {
				line := fmt.Sprintf("%-55s gameday %v", matrix[i].name, s)
				if gor != nil {
					line += fmt.Sprintf("   gor %v", gor[i])
				}
				t.Log(line)
			}
			for i, s := range scores {
				require.Equal(t, score{s.of, s.of, s.of}, s, matrix[i].name)
			}
			require.Empty(t, counts.Lost)
			require.Zero(t, counts.Bytes["missing"])
			t.Logf("%v", counts)
		})
	}
}

// beside holds the matrix over a link and captures it there, with gor beside when there is one in $GOR.
func beside(t *testing.T, l link) (ours []score, counts replay.Counts, gors []score) {
	s, start := new(shelf), time.Now()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var endGor func() map[int][]*replay.Exchange
	perform(t, l.dial, l.listen, func(ports []uint16) {
		from, err := passive.Interfaces{Names: l.watch, Ports: ports, Buffer: 64 << 20}.Open()
		require.NoError(t, err)
		endGor = startGor(t, ports)
		go func() {
			o := passive.Options{Ports: ports, Options: capture.Options{Start: start}}
			watch := passive.New(from, s, o)
			err := watch.Run(ctx)
			counts = watch.Counts()
			done <- errors.Join(err, from.Close())
		}()
	})
	stop()
	require.NoError(t, <-done)
	found := make(map[int][]*replay.Exchange)
	for _, x := range s.exchanges {
		found[caseOf(x.Conn)] = append(found[caseOf(x.Conn)], x)
	}
	if endGor != nil {
		gors = judge(endGor())
	}
	return judge(found), counts, gors
}

// caseOf returns the case that the n-th connection, from 1, belongs to.
func caseOf(conn uint64) int {
	for i, c := range matrix {
		if n := uint64(max(c.repeat, 1)); conn > n {
			conn -= n
		} else {
			return i
		}
	}
	return -1
}

// startGor runs the gor of GAMEDAY_GOR. What it returns ends it and reads what it found, by case.
func startGor(t *testing.T, ports []uint16) func() map[int][]*replay.Exchange {
	gor := os.Getenv("GAMEDAY_GOR")
	if gor == "" {
		return nil
	}
	dir := t.TempDir()
	type one struct {
		run  *exec.Cmd
		file *os.File
	}
	var all []one
	for i, port := range ports {
		out, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.gor", i)))
		require.NoError(t, err)
		run := exec.Command(gor, "--input-raw", fmt.Sprintf(":%d", port), "--input-raw-track-response",
			"--input-raw-buffer-timeout", "1ms", "--output-stdout")
		run.Stdout = out
		require.NoError(t, run.Start())
		all = append(all, one{run, out})
	}
	time.Sleep(3 * time.Second) // it opens its handles, and says nothing when it has them
	return func() map[int][]*replay.Exchange {
		time.Sleep(4 * time.Second) // messages expire after 2 s, and are written behind
		found := make(map[int][]*replay.Exchange)
		for i, o := range all {
			_ = o.run.Process.Signal(os.Interrupt)
			_ = o.run.Wait()
			require.NoError(t, o.file.Close())
			text, err := os.ReadFile(o.file.Name())
			require.NoError(t, err)
			for bytes.HasPrefix(text, []byte("Interface:")) { // it prints what it listens to in between
				_, text, _ = bytes.Cut(text, []byte{'\n'})
			}
			require.NoError(t, os.WriteFile(o.file.Name(), text, 0o600))
			in, err := capture.Open(o.file.Name(), capture.ImportOptions{})
			if err != nil {
				continue // nothing in it
			}
			for {
				x, err := in.Next()
				if err != nil {
					break
				}
				found[i] = append(found[i], x)
			}
			require.NoError(t, in.Close())
		}
		return found
	}
}

func TestACaptureThatMayNotSaysHowItMay(t *testing.T) {
	_, err := passive.Interfaces{Names: []string{"nowhere0"}, Ports: []uint16{80}}.Open()
	require.ErrorContains(t, err, "nowhere0")
	require.ErrorContains(t, err, "there are")
	if os.Geteuid() == 0 {
		t.Skip("root may")
	}
	_, err = passive.Interfaces{Names: []string{"lo"}, Ports: []uint16{80}}.Open()
	require.ErrorContains(t, err, "setcap cap_net_raw+ep")
}
