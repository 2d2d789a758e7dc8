package grpcguard_test

import (
	"context"
	"net"
	"net/http"
	"strings"
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

	"github.com/gameday-dev/gameday/internal/mark"
	"github.com/gameday-dev/gameday/replay/guard"
	"github.com/gameday-dev/gameday/replay/guard/grpcguard"
)

var key = []byte("0123456789abcdef")

// service answers calls, and calls another one when it has one.
type service struct {
	pb.UnimplementedTestServiceServer
	next pb.TestServiceClient
}

func (s service) UnaryCall(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if s.next != nil {
		return s.next.UnaryCall(ctx, r)
	}
	known, _ := guard.FromContext(ctx)
	return &pb.SimpleResponse{Username: strings.Join(append(known.Via, known.Run), " ")}, nil
}

func (s service) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	if _, ok := guard.FromContext(stream.Context()); !ok {
		return status.Error(codes.Internal, "the handler is not told that it is a replay")
	}
	return nil
}

// start runs a guarded service, and returns a client of it and its address.
func start(t *testing.T, name string, next pb.TestServiceClient, g *guard.Guard, opts ...grpc.DialOption) (pb.TestServiceClient, string) {
	t.Helper()
	s := grpc.NewServer(grpc.UnaryInterceptor(grpcguard.UnaryServer(g)), grpc.StreamInterceptor(grpcguard.StreamServer(g)))
	pb.RegisterTestServiceServer(s, service{next: next})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err, name)
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(l) })
	cc, err := grpc.NewClient(l.Addr().String(), append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err, name)
	t.Cleanup(func() {
		_ = cc.Close()
		s.Stop()
		running.Wait()
	})
	return pb.NewTestServiceClient(cc), l.Addr().String()
}

func newGuard(t *testing.T, name string, outbound ...string) *guard.Guard {
	t.Helper()
	g, err := guard.New(guard.Config{Service: name, Keys: [][]byte{key}, Outbound: outbound})
	require.NoError(t, err)
	return g
}

// marked is the context of a replayed call.
func marked(t *testing.T, host string, due time.Time, via ...string) context.Context {
	t.Helper()
	s, err := mark.NewSigner(key)
	require.NoError(t, err)
	text := s.Append(nil, "run-7", mark.Mark{Sequence: 1, Issued: due, Life: time.Minute, Via: via}, http.MethodPost, host)
	return metadata.AppendToOutgoingContext(t.Context(), strings.ToLower(mark.Colour), "run-7", strings.ToLower(mark.Header), string(text))
}

func TestReplayedCallsNeedAMark(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ctx    func(t *testing.T, host string) context.Context
		code   codes.Code
		why    []string
		counts guard.Counts
	}{
		{"an ordinary call passes", func(t *testing.T, _ string) context.Context { return t.Context() }, codes.OK, nil, guard.Counts{Ordinary: 1}},
		{"a signed one passes", func(t *testing.T, host string) context.Context { return marked(t, host, time.Now()) }, codes.OK, nil, guard.Counts{Replayed: 1}},
		{
			"one that is only coloured is refused", func(t *testing.T, _ string) context.Context {
				return metadata.AppendToOutgoingContext(t.Context(), "baggage", "gameday.run=r")
			},
			codes.PermissionDenied,
			[]string{"unsigned"},
			guard.Counts{Unsigned: 1},
		},
		{
			"one for another host is refused", func(t *testing.T, _ string) context.Context { return marked(t, "bank.example", time.Now()) },
			codes.PermissionDenied,
			[]string{"unsigned"},
			guard.Counts{Unsigned: 1},
		},
		{
			"one from an hour ago is refused", func(t *testing.T, host string) context.Context {
				return marked(t, host, time.Now().Add(-time.Hour))
			},
			codes.PermissionDenied,
			[]string{"expired"},
			guard.Counts{Expired: 1},
		},
		{
			"one that came here before ends", func(t *testing.T, host string) context.Context {
				return marked(t, host, time.Now(), "shop")
			},
			codes.Aborted,
			[]string{"loop"},
			guard.Counts{Loops: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuard(t, "shop")
			client, host := start(t, "shop", nil, g)
			var trailer metadata.MD
			_, err := client.UnaryCall(tt.ctx(t, host), &pb.SimpleRequest{}, grpc.Trailer(&trailer))
			require.Equal(t, tt.code, status.Code(err), "%v", err)
			require.Equal(t, tt.why, trailer.Get(guard.RefusedHeader))
			require.Equal(t, tt.counts, g.Counts())
		})
	}
}

func TestStreamsNeedAMarkToo(t *testing.T) {
	g := newGuard(t, "shop")
	client, host := start(t, "shop", nil, g)
	for code, ctx := range map[codes.Code]context.Context{
		codes.OK: marked(t, host, time.Now()), codes.PermissionDenied: marked(t, "bank.example", time.Now()),
	} {
		stream, err := client.FullDuplexCall(ctx)
		require.NoError(t, err)
		require.NoError(t, stream.CloseSend())
		_, err = stream.Recv()
		if code == codes.OK {
			require.EqualError(t, err, "EOF")
		} else {
			require.Equal(t, code, status.Code(err), "%v", err)
		}
	}
	require.Equal(t, guard.Counts{Replayed: 1, Unsigned: 1}, g.Counts())
}

func TestWhatAReplayedCallCausesIsMarked(t *testing.T) {
	for _, tt := range []struct {
		name     string
		outbound []string
		code     codes.Code
	}{
		{"where it may go, with the service it passed", []string{"127.0.0.1"}, codes.OK},
		{"and is blocked elsewhere", nil, codes.PermissionDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inner := newGuard(t, "stock")
			outer := newGuard(t, "shop", tt.outbound...)
			stock, _ := start(t, "stock", nil, inner, grpc.WithUnaryInterceptor(grpcguard.UnaryClient(outer)), grpc.WithStreamInterceptor(grpcguard.StreamClient(outer)))
			shop, host := start(t, "shop", stock, outer)
			answer, err := shop.UnaryCall(marked(t, host, time.Now()), &pb.SimpleRequest{})
			require.Equal(t, tt.code, status.Code(err), "%v", err)
			if tt.code == codes.OK {
				require.Equal(t, "shop run-7", answer.GetUsername())
				require.Equal(t, guard.Counts{Replayed: 1}, inner.Counts())
			} else {
				require.EqualValues(t, 1, outer.Counts().Blocked)
				require.Zero(t, inner.Counts())
			}
		})
	}
}
