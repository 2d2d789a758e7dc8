package replay

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// Whatever a server sends for an answer, each request has one outcome with its cause, in bounded memory, and none outlasts its time.
func TestAnswersThatNobodyShouldGive(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	forever := func(c net.Conn, begin, more string) {
		more = strings.Repeat(more, 1+4096/len(more))
		_, err := io.WriteString(c, begin)
		for err == nil {
			_, err = io.WriteString(c, more)
		}
	}
	const never = 500 * time.Millisecond // what never ends is given up after that
	for _, tt := range []struct {
		name   string
		answer func(c net.Conn)
		limit  time.Duration // 0: none that matters
		class  gameday.Class
		cause  string
	}{
		{"interim answers without end", func(c net.Conn) { forever(c, "", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") }, 0, gameday.ClassError, failedProtocol},
		{"an interim answer, and then nothing", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 199 Soon\r\n\r\n") }, never, gameday.ClassTimeout, failedTimeout},
		{"a header without end", func(c net.Conn) { forever(c, head, "A: b\r\n") }, 0, gameday.ClassError, failedProtocol},
		{"a line without end", func(c net.Conn) { forever(c, head, "a") }, 0, gameday.ClassError, failedProtocol},
		{"a trailer without end", func(c net.Conn) { forever(c, head+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n") }, 0, gameday.ClassError, failedProtocol},
		{"a chunk's size without end", func(c net.Conn) { forever(c, head+"Transfer-Encoding: chunked\r\n\r\n", "0") }, 0, gameday.ClassError, failedProtocol},
		{"a chunk with more bytes than can be counted", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello")
		}, 0, gameday.ClassError, failedProtocol},
		{"a chunk with as many as can be, and no more come", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nhello")
		}, never, gameday.ClassTimeout, failedTimeout},
		{"a length of as many, of which the connection does not live to see the end", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Content-Length: 9223372036854775807\r\n\r\nhello")
			c.Close()
		}, 0, gameday.ClassError, failedClosed},
		{"two lengths that differ", func(c net.Conn) { _, _ = io.WriteString(c, head+"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!") }, 0, gameday.ClassError, failedProtocol},
		{"two lengths that do not", func(c net.Conn) { _, _ = io.WriteString(c, head+"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok") }, 0, gameday.ClassOK, ""},
		{"a list of lengths", func(c net.Conn) { _, _ = io.WriteString(c, head+"Content-Length: 2, 2\r\n\r\nok") }, 0, gameday.ClassError, failedProtocol},
		{"a body without end", func(c net.Conn) { forever(c, head+"\r\n", "more") }, never, gameday.ClassTimeout, failedTimeout},
		{"chunks without end", func(c net.Conn) { forever(c, head+"Transfer-Encoding: chunked\r\n\r\n", "4\r\nmore\r\n") }, never, gameday.ClassTimeout, failedTimeout},
		{"half a header, and then nothing", func(c net.Conn) { _, _ = io.WriteString(c, head+"Content-Le") }, never, gameday.ClassTimeout, failedTimeout},
		{"half a header, and then a reset", func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Content-Le")
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}, 0, gameday.ClassError, failedReset},
		{"nonsense behind the answer", func(c net.Conn) { _, _ = io.WriteString(c, fine+"\x00\xffnonsense\r\n\r\n") }, 0, gameday.ClassOK, ""},
		{"a status that there is not", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n") }, 0, gameday.ClassError, "status 999"},
		{"another protocol, which nobody asked for", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\nhello")
		}, 0, gameday.ClassError, failedProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := rude(t, func(_ int64, c net.Conn, _ *http.Request) bool {
				tt.answer(c)
				return true // which waits for the next request, or for the player to go
			})
			var xs []*Exchange
			for i := range 6 {
				xs = append(xs, get("s"+string(rune('a'+i%2)), time.Duration(i)*20*time.Millisecond, "/"))
			}
			limit := tt.limit
			if limit == 0 {
				limit = 20 * time.Second
			}
			traffic, slices := play(t, Config{Open: opener(xs...), Targets: []string{url}, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(limit), Busy: "spill"}})
			failures, sent := map[string]int64{}, int64(0)
			for _, s := range slices {
				sent += s.Sent
				for cause, n := range s.Failures {
					failures[cause] += n
				}
			}
			total, _, _ := sum(slices, "")
			require.EqualValues(t, 6, sent)
			require.Equal(t, map[gameday.Class]int64{tt.class: 6}, total.Classes, "%+v", traffic.Worst)
			if tt.cause == "" {
				require.Empty(t, failures)
			} else {
				require.Equal(t, map[string]int64{tt.cause: 6}, failures)
			}
		})
	}
}

// A server that answers before it was asked gives each request an answer, if not its own, and keeps nobody waiting.
func TestAnAnswerBeforeTheQuestion(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for err := error(nil); err == nil; _, err = http.ReadRequest(in) {
					_, _ = io.WriteString(c, fine)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	traffic, slices := play(t, Config{
		Open: opener(every(20, 200, 5)...), Targets: []string{"http://" + l.Addr().String()}, Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(20 * time.Second)},
	})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 20, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
}
