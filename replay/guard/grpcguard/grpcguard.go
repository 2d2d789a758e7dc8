// Package grpcguard puts a guard.Guard before the gRPC methods of a service, and behind its gRPC clients: replays
// that nobody vouches for are refused, loops end, and what a replayed call causes carries a mark of its own. It is a
// package of its own so that guard does without gRPC. See the example.
package grpcguard

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gameday-dev/gameday/replay/guard"
)

// UnaryServer refuses replayed unary calls that are unsigned or expired (PERMISSION_DENIED) or came here before (ABORTED),
// and passes the rest on. The trailer of a refusal has guard.RefusedHeader.
func UnaryServer(g *guard.Guard) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := admit(ctx, g, func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) })
		if err != nil {
			return nil, err
		}
		return handler(ctx, request)
	}
}

// StreamServer is UnaryServer for streams.
func StreamServer(g *guard.Guard) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, err := admit(stream.Context(), g, stream.SetTrailer)
		if err != nil {
			return err
		}
		return handler(srv, admitted{stream, ctx})
	}
}

type admitted struct {
	grpc.ServerStream
	ctx context.Context
}

func (a admitted) Context() context.Context { return a.ctx }

// UnaryClient marks the unary calls that a service makes on behalf of a replayed one. Those to where the guard's
// configuration does not allow fail with PERMISSION_DENIED, and nothing is sent; other calls pass untouched.
func UnaryClient(g *guard.Guard) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, response any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		ctx, err := pass(ctx, g, cc)
		if err != nil {
			return err
		}
		return invoke(ctx, method, request, response, cc, opts...)
	}
}

// StreamClient is UnaryClient for streams.
func StreamClient(g *guard.Guard) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, begin grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		ctx, err := pass(ctx, g, cc)
		if err != nil {
			return nil, err
		}
		return begin(ctx, desc, cc, method, opts...)
	}
}

// admit asks the guard about a call that came in: on the wire it is a POST to its :authority.
func admit(ctx context.Context, g *guard.Guard, trailer func(metadata.MD)) (context.Context, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	r := &http.Request{Method: http.MethodPost, Header: make(http.Header, len(md))}
	for name, values := range md {
		if !strings.HasPrefix(name, ":") {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if authority := md.Get(":authority"); len(authority) > 0 {
		r.Host = authority[0]
	}
	known, err := g.Admit(ctx, r)
	if err == nil {
		return known, nil
	}
	why, code := "unsigned", codes.PermissionDenied
	switch {
	case errors.Is(err, guard.ErrExpired):
		why = "expired"
	case errors.Is(err, guard.ErrLoop):
		why, code = "loop", codes.Aborted
	}
	trailer(metadata.Pairs(guard.RefusedHeader, why))
	return nil, status.Error(code, err.Error())
}

// pass puts the guard's mark on a call that goes out.
func pass(ctx context.Context, g *guard.Guard, cc *grpc.ClientConn) (context.Context, error) {
	h, err := g.Pass(ctx, &http.Request{Method: http.MethodPost, Host: cc.CanonicalTarget()[strings.LastIndexByte(cc.CanonicalTarget(), '/')+1:]})
	if err != nil {
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	for name := range h {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(name), h.Get(name))
	}
	return ctx, nil
}
