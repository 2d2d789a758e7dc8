package grpctap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/grpctap"
)

// memory is a recorder for tests.
type memory struct {
	mu sync.Mutex
	xs []*replay.Exchange
}

func (m *memory) Record(x *replay.Exchange) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.xs = append(m.xs, x)
	return nil
}

// service answers with what it was sent.
type service struct {
	pb.UnimplementedTestServiceServer
}

func (service) UnaryCall(_ context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if r.GetFillUsername() {
		return nil, status.Error(codes.NotFound, "no such user")
	}
	return &pb.SimpleResponse{Payload: r.GetPayload()}, nil
}

func (service) FullDuplexCall(s pb.TestService_FullDuplexCallServer) error {
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			s.SetTrailer(metadata.Pairs("x-sum", "3"))
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(&pb.StreamingOutputCallResponse{Payload: r.GetPayload()}); err != nil {
			return err
		}
	}
}

func (service) StreamingInputCall(s pb.TestService_StreamingInputCallServer) error {
	n := 0
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(n)})
		}
		if err != nil {
			return err
		}
		n += len(r.GetPayload().GetBody())
	}
}

func payload(text string) *pb.Payload { return &pb.Payload{Body: []byte(text)} }

// watched starts the service with interceptors, a proxy before it, and a client with interceptors that calls
// through the proxy. stop ends all three captures.
func watched(t *testing.T) (client pb.TestServiceClient, server, proxy, caller *memory, stop func()) {
	t.Helper()
	server, proxy, caller = &memory{}, &memory{}, &memory{}
	inside, outside := capture.NewTap(server, capture.Options{}), capture.NewTap(caller, capture.Options{})
	s := grpc.NewServer(grpc.UnaryInterceptor(grpctap.UnaryServer(inside)), grpc.StreamInterceptor(grpctap.StreamServer(inside)))
	pb.RegisterTestServiceServer(s, service{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p, err := capture.NewProxy("http://"+l.Addr().String(), proxy, capture.ProxyOptions{})
	require.NoError(t, err)
	door, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(l) })
	running.Go(func() { _ = p.Serve(ctx, door) })
	cc, err := grpc.NewClient(door.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(grpctap.UnaryClient(outside)), grpc.WithStreamInterceptor(grpctap.StreamClient(outside)))
	require.NoError(t, err)
	stop = sync.OnceFunc(func() {
		require.NoError(t, cc.Close())
		cancel()
		s.Stop()
		running.Wait()
		require.NoError(t, inside.Close())
		require.NoError(t, outside.Close())
	})
	t.Cleanup(stop)
	return pb.NewTestServiceClient(cc), server, proxy, caller, stop
}

// TestProxyAndInterceptorsRecordTheSame: three taps on one call agree on every byte of the messages.
func TestProxyAndInterceptorsRecordTheSame(t *testing.T) {
	for _, c := range []struct {
		sentence string
		call     func(context.Context, pb.TestServiceClient) error
		target   string
		requests int
		answers  int
		status   string
	}{
		{"a unary call", func(ctx context.Context, c pb.TestServiceClient) error {
			_, err := c.UnaryCall(ctx, &pb.SimpleRequest{Payload: payload("hello")})
			return err
		}, "UnaryCall", 1, 1, "0"},
		{"a call that fails", func(ctx context.Context, c pb.TestServiceClient) error {
			_, err := c.UnaryCall(ctx, &pb.SimpleRequest{FillUsername: true})
			if status.Code(err) != codes.NotFound {
				return fmt.Errorf("want not found: %w", err)
			}
			return nil
		}, "UnaryCall", 1, 0, "5"},
		{"a stream both ways, each message behind the answer to the one before", func(ctx context.Context, c pb.TestServiceClient) error {
			s, err := c.FullDuplexCall(ctx)
			if err != nil {
				return err
			}
			for i := range 3 {
				if err := s.Send(&pb.StreamingOutputCallRequest{Payload: payload(fmt.Sprint("message ", i))}); err != nil {
					return err
				}
				if _, err := s.Recv(); err != nil {
					return err
				}
			}
			if err := s.CloseSend(); err != nil {
				return err
			}
			if _, err := s.Recv(); !errors.Is(err, io.EOF) {
				return fmt.Errorf("want the end: %w", err)
			}
			return nil
		}, "FullDuplexCall", 3, 3, "0"},
		{"a stream to the server", func(ctx context.Context, c pb.TestServiceClient) error {
			s, err := c.StreamingInputCall(ctx)
			for i := 0; i < 2 && err == nil; i++ {
				err = s.Send(&pb.StreamingInputCallRequest{Payload: payload("part")})
			}
			if err == nil {
				_, err = s.CloseAndRecv()
			}
			return err
		}, "StreamingInputCall", 2, 1, "0"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			client, server, proxy, caller, stop := watched(t)
			ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer ada"), 20*time.Second)
			defer cancel()
			require.NoError(t, c.call(ctx, client))
			stop()
			for name, m := range map[string]*memory{"server": server, "proxy": proxy, "caller": caller} {
				require.Len(t, m.xs, 1, name)
				x := m.xs[0]
				require.Equal(t, "POST /grpc.testing.TestService/"+c.target, x.Method+" "+x.Target, name)
				require.Equal(t, "Bearer ada", x.Header.Get("Authorization"), name)
				require.Equal(t, "ada", x.Session, name)
				require.Contains(t, x.Header.Get("Content-Type"), "application/grpc", name)
				require.Equal(t, c.requests, messages(t, x.Body), name)
				require.Equal(t, proxy.xs[0].Body, x.Body, name)
				require.Equal(t, c.answers, messages(t, x.Response.Body), name)
				require.Equal(t, proxy.xs[0].Response.Body, x.Response.Body, name)
				status := x.Response.Trailer.Get("Grpc-Status")
				if status == "" { // an answer of a head alone
					status = x.Response.Header.Get("Grpc-Status")
				}
				require.Equal(t, c.status, status, name)
				sizes := map[bool]int64{}
				for i, b := range x.Beats {
					sizes[b.FromServer] += b.Size
					require.GreaterOrEqual(t, b.At, x.Beats[max(0, i-1)].At, name)
				}
				if c.requests > 1 {
					require.Len(t, x.Beats, c.requests+c.answers, name)
					require.Equal(t, map[bool]int64{false: x.Size, true: x.Response.Size}, sizes, name)
					require.NotZero(t, x.Upload, name)
				} else {
					require.Empty(t, x.Beats, "what unary calls have says it all")
				}
				require.False(t, x.Truncated() || x.Response.Truncated() || x.Response.Cut, name)
			}
		})
	}
}

// messages counts the length-prefixed messages of a body.
func messages(t *testing.T, b []byte) (n int) {
	t.Helper()
	for len(b) > 0 {
		require.Zero(t, b[0], "not compressed")
		size := int(b[1])<<24 | int(b[2])<<16 | int(b[3])<<8 | int(b[4])
		b = b[5+size:]
		n++
	}
	return n
}

func TestACallThatIsGivenUpIsRecorded(t *testing.T) {
	client, _, _, caller, stop := watched(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := client.FullDuplexCall(ctx)
	require.NoError(t, err)
	require.NoError(t, s.Send(&pb.StreamingOutputCallRequest{Payload: payload("hello")}))
	_, err = s.Recv()
	require.NoError(t, err)
	cancel()
	require.Eventually(t, func() bool { caller.mu.Lock(); defer caller.mu.Unlock(); return len(caller.xs) == 1 }, 10*time.Second, time.Millisecond)
	stop()
	require.Equal(t, 1, messages(t, caller.xs[0].Body))
	require.Nil(t, caller.xs[0].Response)
}
