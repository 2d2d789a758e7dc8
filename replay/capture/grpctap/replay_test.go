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

// Calls to a server of grpc-go go over the player's own HTTP/2, and what the server says of each is heard: the message of the
// answer, or the status without one.
func TestCallsAreReplayedToAServer(t *testing.T) {
	s := grpc.NewServer(grpc.MaxConcurrentStreams(10))
	pb.RegisterTestServiceServer(s, service{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Stop()
		serving.Wait()
	})
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
		message, err := proto.Marshal(r)
		require.NoError(t, err)
		body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
		tape.xs = append(tape.xs, &replay.Exchange{
			Session: session, At: time.Duration(i) * time.Millisecond, Method: "POST", Target: "/grpc.testing.TestService/UnaryCall", Proto: "HTTP/2.0",
			Header: replay.Header{{Name: "Content-Type", Value: "application/grpc"}, {Name: "User-Agent", Value: "grpc-go/1"}}, Body: body, Size: int64(len(body)),
			Response: &replay.Response{Status: 200, Trailer: replay.Header{{Name: "Grpc-Status", Value: recorded}}},
		})
	}
	var mu sync.Mutex
	p, err := replay.New(replay.Config{
		Open: func() (replay.Source, error) { return tape, nil }, Targets: []string{"http://" + l.Addr().String()},
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
