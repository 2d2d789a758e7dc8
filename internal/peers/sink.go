//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// answer is what most requests get, with its body.
const (
	answer     = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n" + answerBody
	answerBody = "ok\n"
)

// sink answers small requests and keeps when the kernel received each, so that its own delays are not counted: the
// time is that of the packet (SO_TIMESTAMPNS, socket(7)).
type sink struct {
	stallAt, stallFor time.Duration // counted from the first request
	large             bool          // some answers are, see bodyOf

	mu       sync.Mutex
	first    time.Time
	arrivals []arrival
}

// arrival is one request as the server saw it, in nanoseconds since the epoch.
type arrival struct {
	Number             int64
	Received, Answered int64
}

func serveSink(ctx context.Context, args []string) error {
	var s sink
	flags := flag.NewFlagSet("sink", flag.ContinueOnError)
	listen := flags.String("listen", "", "address")
	out := flags.String("out", "", "file of arrivals, written at the end")
	flags.DurationVar(&s.stallAt, "stall-at", 0, "when to stop answering")
	flags.DurationVar(&s.stallFor, "stall-for", 0, "for how long")
	flags.BoolVar(&s.large, "large", false, "give a large answer now and then")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
	defer stop()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	var serving sync.WaitGroup
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			return err
		}
		serving.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now()) })()
			s.serve(c.(*net.TCPConn))
		})
	}
	serving.Wait()
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, s.arrivals); err != nil {
		return err
	}
	return os.WriteFile(*out, b.Bytes(), 0o644)
}

// serve answers the requests of one connection. A request is taken to be in one piece with its end, as clients send
// requests that small; the rest of a piece is kept.
func (s *sink) serve(c *net.TCPConn) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
	buf, oob := make([]byte, 64<<10), make([]byte, 256)
	held := 0
	for {
		n, at, err := receive(raw, buf[held:], oob)
		if err != nil || n == 0 {
			return
		}
		rest := buf[:held+n]
		for {
			end := bytes.Index(rest, []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			s.wait(at)
			n := number(rest[:end])
			if _, err := c.Write(s.answerTo(n)); err != nil {
				return
			}
			s.note(n, at)
			rest = rest[end+4:]
		}
		held = copy(buf, rest)
	}
}

// receive reads once, with the time at which the kernel took the last packet of what it returns.
func receive(raw syscall.RawConn, buf, oob []byte) (n int, at time.Time, err error) {
	var oobn int
	readErr := raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, err = unix.Recvmsg(int(fd), buf, oob, 0)
		return !errors.Is(err, unix.EAGAIN)
	})
	if err = errors.Join(err, readErr); err != nil {
		return 0, at, err
	}
	at = time.Now()
	messages, _ := unix.ParseSocketControlMessage(oob[:oobn])
	for _, m := range messages {
		if m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			ts := *(*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			at = time.Unix(ts.Unix())
		}
	}
	return n, at, nil
}

// One of largeEvery answers has largeBytes, where they are wanted.
const (
	largeEvery = 100
	largeBytes = 200_000
)

// noiseOf is what large answers are parts of: no two are alike, and none can be made smaller.
var noiseOf = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // which always gives all
	return b
})

// bodyOf is what a request is answered with, where some answers are large.
func bodyOf(number int64) []byte {
	if number%largeEvery != 0 {
		return []byte(answerBody)
	}
	all := noiseOf()
	from := int(number) * 7919 % (len(all) - largeBytes)
	return all[from:][:largeBytes]
}

func (s *sink) answerTo(number int64) []byte {
	if !s.large || number%largeEvery != 0 {
		return []byte(answer)
	}
	body := bodyOf(number)
	return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", len(body)), body...)
}

// wait stands still while the server stalls.
func (s *sink) wait(at time.Time) {
	s.mu.Lock()
	if s.first.IsZero() {
		s.first = at
	}
	begin := s.first.Add(s.stallAt)
	s.mu.Unlock()
	if s.stallFor > 0 && !time.Now().Before(begin) {
		time.Sleep(time.Until(begin.Add(s.stallFor)))
	}
}

func (s *sink) note(number int64, at time.Time) {
	now := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrivals = append(s.arrivals, arrival{number, at.UnixNano(), now})
}

// number reads the request's number from its path; -1 when it has none.
func number(request []byte) int64 {
	_, after, found := bytes.Cut(request, []byte("/r/"))
	if !found || len(after) < 7 {
		return -1
	}
	n, err := strconv.ParseInt(string(after[:7]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// readArrivals reads what a sink wrote.
func readArrivals(path string) ([]arrival, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read what the server saw: %w", err)
	}
	all := make([]arrival, len(data)/int(unsafe.Sizeof(arrival{})))
	return all, binary.Read(bytes.NewReader(data), binary.LittleEndian, all)
}
