package grpctap_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// reel is a tape in memory.
type reel struct{ xs []*replay.Exchange }

func (r *reel) Next() (*replay.Exchange, error) {
	if len(r.xs) == 0 {
		return nil, io.EOF
	}
	x := r.xs[0]
	r.xs = r.xs[1:]
	return x, nil
}

// serving starts the service, and returns its URL.
func serving(t *testing.T) (url string) {
	t.Helper()
	s := grpc.NewServer(grpc.MaxConcurrentStreams(10))
	pb.RegisterTestServiceServer(s, service{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Stop()
		running.Wait()
	})
	return "http://" + l.Addr().String()
}

// wired is a message as it stands in a body.
func wired(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
}

// Calls to a server of grpc-go go over the player's own HTTP/2, and what the server says of each is heard: the message of the
// answer, or the status without one.
func TestCallsAreReplayedToAServer(t *testing.T) {
	url := serving(t)
	const calls = 300
	long := strings.Repeat("x", 1<<20)
	tape := &reel{}
	answers := map[string]string{} // by trace
	for i := range calls {
		session, text, recorded := "s"+string(rune('a'+i%26)), "hello", "0"
		r := &pb.SimpleRequest{Payload: payload(text)}
		switch {
		case i%10 == 3:
			r.FillUsername, recorded = true, "5"
		case i%100 == 7:
			r.Payload = payload(long)
		}
		body := wired(t, r)
		tape.xs = append(tape.xs, &replay.Exchange{
			Session: session, At: time.Duration(i) * time.Millisecond, Method: "POST", Target: "/grpc.testing.TestService/UnaryCall", Proto: "HTTP/2.0",
			Header: replay.Header{{Name: "Content-Type", Value: "application/grpc"}, {Name: "User-Agent", Value: "grpc-go/1"}}, Body: body, Size: int64(len(body)),
			Response: &replay.Response{Status: 200, Trailer: replay.Header{{Name: "Grpc-Status", Value: recorded}}},
		})
	}
	var mu sync.Mutex
	p, err := replay.New(replay.Config{
		Open: func() (replay.Source, error) { return tape, nil }, Targets: []string{url},
		Watch: func(a *replay.Answered) {
			mu.Lock()
			defer mu.Unlock()
			var said pb.SimpleResponse
			if len(a.Body) == int(a.Size) && a.Size > 5 && proto.Unmarshal(a.Body[5:], &said) == nil {
				answers[a.Trace] = string(said.GetPayload().GetBody())
			}
		},
		Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(time.Minute), MaxLate: gameday.Duration(time.Minute)},
	})
	require.NoError(t, err)
	traffic, err := p.Run(t.Context(), time.Now(), nil)
	require.NoError(t, err)
	var ok, in int64
	for _, slice := range traffic.Slices {
		ok += slice.Classes[gameday.ClassOK]
		in += slice.BytesIn
	}
	require.EqualValues(t, calls, ok, "what was not found was not found when it was recorded: %+v", traffic.Worst)
	require.Greater(t, in, int64(3<<20), "the long ones came back")
	require.Len(t, answers, calls-calls/10-calls/100)
	for _, said := range answers {
		require.Equal(t, "hello", said)
	}
	require.Equal(t, p.Sender(), "HTTP/2 pre-serialised on shared connections")
	require.Less(t, traffic.Fidelity.Connections, int64(20))
}

// A stream says its messages one by one, and hears an answer to each.
func TestAStreamIsReplayedToAServer(t *testing.T) {
	x := &replay.Exchange{
		Session: "s", Method: "POST", Target: "/grpc.testing.TestService/FullDuplexCall", Proto: "HTTP/2.0", Upload: 100 * time.Millisecond,
		Header:   replay.Header{{Name: "Content-Type", Value: "application/grpc"}},
		Response: &replay.Response{Status: 200, Duration: 100 * time.Millisecond, Trailer: replay.Header{{Name: "Grpc-Status", Value: "0"}}},
	}
	for i := range 5 {
		message := wired(t, &pb.StreamingOutputCallRequest{Payload: payload("hello")})
		at, size := time.Duration(i)*20*time.Millisecond, int64(len(message))
		x.Body = append(x.Body, message...)
		x.Beats = append(x.Beats, replay.Beat{At: at, Size: size}, replay.Beat{At: at, FromServer: true, Size: size})
	}
	x.Size = int64(len(x.Body))
	p, err := replay.New(replay.Config{
		Open: func() (replay.Source, error) { return &reel{[]*replay.Exchange{x}}, nil }, Targets: []string{serving(t)},
		Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(time.Minute), MaxLate: gameday.Duration(time.Minute)},
	})
	require.NoError(t, err)
	traffic, err := p.Run(t.Context(), time.Now(), nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, traffic.Slices[0].Classes[gameday.ClassOK], "%+v", traffic.Worst)
	m := traffic.Fidelity.Messages
	require.EqualValues(t, 1, m.Conversations)
	require.EqualValues(t, 5, m.Sent)
	require.EqualValues(t, 5, m.Received)
	require.Empty(t, m.Unsent)
}
