package replay

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	gameday "github.com/gameday-dev/gameday"
)

// prefixed is a message as it stands in the body of a gRPC call.
func prefixed(text string) string { return "\x00\x00\x00\x00" + string(rune(len(text))) + text }

// streamed is a recorded call: what the client said, and when; the server answered each message at once.
func streamed(session string, at, length time.Duration, said ...Beat) *Exchange {
	x := &Exchange{
		Session: session, At: at, Method: "POST", Target: "/shop.Prices/Watch", Proto: "HTTP/2.0", Upload: length,
		Header:   Header{{"Content-Type", "application/grpc"}, {"Te", "trailers"}},
		Response: &Response{Status: 200, Duration: length, Trailer: Header{{"Grpc-Status", "0"}}},
	}
	for i, b := range said {
		m := prefixed(fmt.Sprintf("message %d", i))
		b.Size = int64(len(m))
		x.Body = append(x.Body, m...)
		x.Beats = append(x.Beats, b, Beat{At: b.At, FromServer: true, Size: b.Size})
	}
	x.Size = int64(len(x.Body))
	return x
}

// conversing answers each message of a stream before it reads the next, and notes what it was told, and by whom.
func conversing(t *testing.T, note func(r *http.Request, text string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			note(r, r.URL.Path)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for {
			var head [5]byte
			if _, err := io.ReadFull(r.Body, head[:]); err != nil {
				break
			}
			body := make([]byte, head[4])
			if _, err := io.ReadFull(r.Body, body); err != nil {
				t.Error(err)
			}
			note(r, string(body))
			_, _ = w.Write(append(head[:], body...))
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", "0")
	}
}

func beats(at ...time.Duration) (all []Beat) {
	for _, d := range at {
		all = append(all, Beat{At: d})
	}
	return all
}

// The messages of a stream leave one by one, and the server answers each before the next comes. What the session asks
// meanwhile does not wait for the end of the stream.
func TestMessagesOfAStreamKeepTheirTiming(t *testing.T) {
	var mu sync.Mutex
	var order []string
	url := clearText(t, true, conversing(t, func(_ *http.Request, text string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, text)
	}))
	traffic, slices := play(t, Config{
		Open: opener(streamed("s", 0, 2*time.Second, beats(0, 200*time.Millisecond, 1400*time.Millisecond)...),
			&Exchange{Session: "s", At: 800 * time.Millisecond, Method: "GET", Target: "/meanwhile", Proto: "HTTP/2.0", Response: &Response{Status: 200}}),
		Targets: []string{url}, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(20 * time.Second)},
	})
	total, _, _ := sum(slices, "")
	require.EqualValues(t, 2, total.Classes[gameday.ClassOK], "%+v", traffic.Worst)
	require.Equal(t, []string{"message 0", "message 1", "/meanwhile", "message 2"}, order)
	m := traffic.Fidelity.Messages
	require.EqualValues(t, 1, m.Conversations)
	require.EqualValues(t, 3, m.Sent)
	require.EqualValues(t, 3, m.Received)
	require.EqualValues(t, 3, m.Recorded)
	require.Empty(t, m.Unsent)
	require.EqualValues(t, 2, traffic.Fidelity.Senders[byFrames])
}

// Whatever becomes of a stream, each message of the client is sent or unsent, and has a cause.
func TestStreamsAreAccountedFor(t *testing.T) {
	three := beats(0, 100*time.Millisecond, 200*time.Millisecond)
	left := streamed("s", 0, 300*time.Millisecond, three...)
	left.Upload, left.Response.Cut, left.Response.Trailer = 0, true, nil
	bare := streamed("s", 0, 300*time.Millisecond, three...)
	bare.Beats = nil
	wrong := streamed("s", 0, 300*time.Millisecond, three...)
	wrong.Beats[0].Size++
	for _, tt := range []struct {
		name   string
		x      *Exchange
		serve  func(t *testing.T) http.HandlerFunc
		unsafe []string
		class  gameday.Class
		sent   int64
		unsent Tally
	}{
		{"all messages are sent", streamed("s", 0, 300*time.Millisecond, three...), func(t *testing.T) http.HandlerFunc { return conversing(t, func(*http.Request, string) {}) }, []string{"POST"}, gameday.ClassOK, 3, nil},
		{"a client that left leaves again", left, func(t *testing.T) http.HandlerFunc { return conversing(t, func(*http.Request, string) {}) }, []string{"POST"}, gameday.ClassOK, 3, nil},
		{
			"the server ends it after the first", streamed("s", 0, 20*time.Second, beats(0, 10*time.Second, 20*time.Second)...),
			func(*testing.T) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadFull(r.Body, make([]byte, len(prefixed("message 0"))))
					w.Header().Set("Content-Type", "application/grpc")
					w.Header().Set("Grpc-Status", "8")
				}
			},
			[]string{"POST"},
			gameday.ClassRejected, 1,
			Tally{causeGone: 2},
		},
		{
			"the call breaks off", streamed("s", 0, 20*time.Second, beats(0, 10*time.Second, 20*time.Second)...),
			func(*testing.T) http.HandlerFunc {
				return func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadFull(r.Body, make([]byte, len(prefixed("message 0"))))
					panic(http.ErrAbortHandler)
				}
			},
			[]string{"POST"},
			gameday.ClassError, 1,
			Tally{causeCall: 2},
		},
		{"a call without times is sent at once, and has no books", bare, func(t *testing.T) http.HandlerFunc { return conversing(t, func(*http.Request, string) {}) }, []string{"POST"}, gameday.ClassOK, 0, nil},
		{"so is one whose times do not fit its body", wrong, func(t *testing.T) http.HandlerFunc { return conversing(t, func(*http.Request, string) {}) }, []string{"POST"}, gameday.ClassOK, 0, nil},
	} {
		for way, courier := range map[string]bool{"over the trunk": false, "by a courier": true} {
			t.Run(tt.name+", "+way, func(t *testing.T) {
				t.Parallel()
				url := clearText(t, true, tt.serve(t))
				traffic, total := playOver(t, Config{Open: opener(tt.x), Targets: []string{url}, Traffic: gameday.TrafficPlan{Unsafe: tt.unsafe, Timeout: gameday.Duration(20 * time.Second)}}, courier)
				require.EqualValues(t, 1, total.Classes[tt.class], "%+v", traffic.Worst)
				if m := traffic.Fidelity.Messages; tt.sent == 0 {
					require.Nil(t, m)
				} else {
					require.Equal(t, tt.sent, m.Sent)
					require.Equal(t, tt.unsent, Tally(m.Unsent))
				}
			})
		}
	}
}

func TestTimesOfAStreamMustFitItsBody(t *testing.T) {
	const huge = 1 << 62
	for _, tt := range []struct {
		what  string
		sizes []int64
		want  int
	}{
		{"messages that are the body", []int64{2, 0, 3}, 3},
		{"less than the body", []int64{2, 2}, 0},
		{"more than the body", []int64{2, 4}, 0},
		{"a message of less than nothing", []int64{-1, 6}, 0},
		{"sizes whose sum is as long as the body because it is more than a number can be", []int64{huge, huge, huge, huge, 5}, 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			x := &Exchange{Body: []byte("12345"), Size: 5}
			for _, size := range tt.sizes {
				x.Beats = append(x.Beats, Beat{Size: size})
			}
			if s := streamOf(x, 1); tt.want == 0 {
				require.Nil(t, s)
			} else {
				require.Len(t, s.beats, tt.want)
			}
		})
	}
}

// What a client itself took for its messages is no latency.
func TestAStreamWaitsOnlyForItsServer(t *testing.T) {
	r := record{due: time.Second, sent: time.Second, done: 11 * time.Second, own: 9 * time.Second}
	require.Equal(t, time.Second, r.latency())
	require.Equal(t, time.Second, r.service())
}

// hearCall reads a call to its end and answers that all is well.
func (p *h2peer) hearCall() (messages int) {
	for {
		frame, err := p.next()
		if err != nil {
			return messages
		}
		f, ok := frame.(*http2.DataFrame)
		if !ok {
			continue
		}
		if len(f.Data()) > 0 {
			messages++
		}
		if f.StreamEnded() {
			p.fields.Reset()
			for _, field := range [][2]string{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "0"}} {
				_ = p.encode.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
			}
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: f.StreamID, BlockFragment: p.fields.Bytes(), EndHeaders: true, EndStream: true})
		}
	}
}

// told reads up to the first message of a call, and returns its stream.
func (p *h2peer) told() uint32 {
	for {
		frame, err := p.next()
		if err != nil {
			return 0
		}
		if f, ok := frame.(*http2.DataFrame); ok && len(f.Data()) > 0 {
			return f.StreamID
		}
	}
}

// A call that its server did nothing with is sent again, and each of its messages counts once.
func TestACallThatItsServerRefusesIsSentAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		handle func(n int, p *h2peer)
		class  gameday.Class
		failed string // why
		calls  int64  // that went out
		sent   int64
		unsent Tally
	}{
		{"when the server goes before it", func(n int, p *h2peer) {
			if n == 1 {
				p.told()
				_ = p.WriteGoAway(0, http2.ErrCodeNo, nil)
			}
			p.hearCall()
		}, gameday.ClassOK, "", 2, 3, nil},
		{"when the server has no room for its stream", func(n int, p *h2peer) {
			_ = p.WriteRSTStream(p.told(), http2.ErrCodeRefusedStream)
			p.hearCall()
		}, gameday.ClassOK, "", 2, 3, nil},
		{"but once", func(n int, p *h2peer) {
			for range 2 {
				_ = p.WriteRSTStream(p.told(), http2.ErrCodeRefusedStream)
			}
			p.hearCall()
		}, gameday.ClassError, failedTurned, 2, 1, Tally{causeCall: 2}},
		{"and not when the server went behind it", func(n int, p *h2peer) {
			p.told()
			_ = p.WriteGoAway(1, http2.ErrCodeNo, nil)
		}, gameday.ClassError, failedGone, 1, 1, Tally{causeCall: 2}},
	} {
		for way, courier := range map[string]bool{byFrames: false, byHTTP2: true} {
			t.Run(tt.name+", by "+way, func(t *testing.T) {
				t.Parallel()
				url := peers(t, nil, tt.handle)
				// Its further messages are due only when the server has long said what it has to say.
				apart := 2 * time.Second
				if tt.class == gameday.ClassError {
					apart = 20 * time.Second
				}
				traffic, total := playOver(t, Config{
					Open: opener(streamed("s", 0, apart, beats(0, apart, apart)...)), Targets: []string{url},
					Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(20 * time.Second)},
				}, courier)
				require.EqualValues(t, 1, total.Classes[tt.class], "%+v", traffic.Worst)
				failed := tt.failed
				if courier && failed == failedGone {
					failed = failedProtocol // net/http does not tell
				}
				if failed == "" {
					require.Empty(t, total.Failures)
				} else {
					require.Equal(t, map[string]int64{failed: 1}, total.Failures)
				}
				m := traffic.Fidelity.Messages
				require.EqualValues(t, 1, m.Conversations)
				require.Equal(t, tt.sent, m.Sent)
				require.Equal(t, tt.unsent, Tally(m.Unsent))
				require.Equal(t, tt.calls, traffic.Fidelity.Senders[way])
			})
		}
	}
}

// A request with a body is carried anew, too, and its server gets the whole of it.
func TestARefusedRequestIsCarriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refuse  func(p *h2peer, id uint32)
		refused int
		want    map[gameday.Class]int64
		failed  map[string]int64
	}{
		{"a stream is refused", func(p *h2peer, id uint32) { _ = p.WriteRSTStream(id, http2.ErrCodeRefusedStream) }, 1, map[gameday.Class]int64{gameday.ClassOK: 1}, nil},
		{"the server goes", func(p *h2peer, _ uint32) { _ = p.WriteGoAway(0, http2.ErrCodeNo, nil) }, 1, map[gameday.Class]int64{gameday.ClassOK: 1}, nil},
		{"it is refused for good", func(p *h2peer, id uint32) { _ = p.WriteRSTStream(id, http2.ErrCodeRefusedStream) }, 2, map[gameday.Class]int64{gameday.ClassError: 1}, map[string]int64{failedTurned: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked, heard atomic.Int64
			url := peers(t, nil, func(_ int, p *h2peer) {
				for {
					id, _, err := p.request()
					if err != nil {
						return
					}
					if asked.Add(1) <= int64(tt.refused) {
						tt.refuse(p, id)
						continue
					}
					for before := p.body; p.body < before+int64(len("the order")); {
						if _, err := p.next(); err != nil {
							return
						}
					}
					heard.Add(1)
					p.answer(id, 200)
				}
			})
			x := posts(1, "POST", "the order")[0]
			x.Proto = "HTTP/2.0"
			traffic, total := playOver(t, Config{
				Open: opener(x), Targets: []string{url}, HTTP2: true, Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(20 * time.Second)},
			}, true)
			require.Equal(t, tt.want, total.Classes, "%+v", traffic.Worst)
			require.Equal(t, len(tt.failed), len(total.Failures))
			for cause, n := range tt.failed {
				require.Equal(t, n, total.Failures[cause])
			}
			require.EqualValues(t, total.Classes[gameday.ClassOK], heard.Load())
			require.EqualValues(t, 2, traffic.Fidelity.Senders[byHTTP2])
		})
	}
}

// A call that a user presses again, and that never gets a connection then, has messages too.
func TestTheMessagesOfACallThatNeverWentOutAreUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = l.Close() // nobody else gets in
		_, _ = io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
		p := &h2peer{Framer: http2.NewFramer(c, c), Conn: c}
		_ = p.WriteSettings()
		_ = p.WriteRSTStream(p.told(), http2.ErrCodeInternal)
		_ = p.WriteGoAway(1, http2.ErrCodeNo, nil)
		_ = c.Close()
	}()
	apart := 20 * time.Second
	traffic, _ := playOver(t, Config{
		Open: opener(streamed("s", 0, apart, beats(0, apart, apart)...)), Targets: []string{"http://" + l.Addr().String()},
		Traffic: gameday.TrafficPlan{
			Unsafe: []string{"POST"}, Timeout: gameday.Duration(20 * time.Second), Retries: 1, RetryGap: gameday.Duration(200 * time.Millisecond),
		},
	}, false)
	<-done
	m := traffic.Fidelity.Messages
	require.EqualValues(t, 1, m.Conversations)
	require.EqualValues(t, 1, m.Sent)
	require.Equal(t, Tally{causeCall: 2, causeHandset: 3}, Tally(m.Unsent))
	require.EqualValues(t, 1, traffic.Fidelity.Retries)
}
