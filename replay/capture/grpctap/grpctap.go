// Package grpctap records gRPC calls inside a process, by interceptors for servers and clients, into the same
// capture.Tap as HTTP handlers. It is a package of its own so that capture does without gRPC.
//
// A call is recorded as what it is on the wire: a POST of HTTP/2 whose bodies are length-prefixed messages and
// whose status is in the trailer, so that a replay can send it again. See the package example.
package grpctap

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// UnaryServer records the unary calls that a server answers. Metadata that a handler sends is not seen here.
func UnaryServer(t *capture.Tap) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		call := t.Begin(received(ctx, info.FullMethod))
		put(call, call.Request, request)
		ended := false
		defer func() {
			if !ended { // the handler panicked
				call.End(nil)
			}
		}()
		response, err := handler(ctx, request)
		ended = true
		if err == nil {
			put(call, call.Response, response)
		}
		call.End(answer(err, nil, nil))
		return response, err
	}
}

// StreamServer records the streaming calls that a server answers, each when it has ended.
func StreamServer(t *capture.Tap) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		call := t.Begin(received(stream.Context(), info.FullMethod))
		if call == nil {
			return handler(srv, stream)
		}
		watched := &serverStream{ServerStream: stream, call: call}
		ended := false
		defer func() {
			if !ended {
				call.End(nil)
			}
		}()
		err := handler(srv, watched)
		ended = true
		call.End(answer(err, watched.header, watched.trailer))
		return err
	}
}

type serverStream struct {
	grpc.ServerStream
	call            *capture.Call
	header, trailer metadata.MD
}

func (s *serverStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	switch err {
	case nil:
		put(s.call, s.call.Request, m)
	case io.EOF:
		s.call.Sent()
	}
	return err
}

func (s *serverStream) SendMsg(m any) error {
	put(s.call, s.call.Response, m) // before a client can ask for more because of it
	return s.ServerStream.SendMsg(m)
}

func (s *serverStream) SetHeader(md metadata.MD) error {
	s.header = metadata.Join(s.header, md)
	return s.ServerStream.SetHeader(md)
}

func (s *serverStream) SendHeader(md metadata.MD) error {
	s.header = metadata.Join(s.header, md)
	return s.ServerStream.SendHeader(md)
}

func (s *serverStream) SetTrailer(md metadata.MD) {
	s.trailer = metadata.Join(s.trailer, md)
	s.ServerStream.SetTrailer(md)
}

// UnaryClient records the unary calls that a program makes.
func UnaryClient(t *capture.Tap) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, response any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		call := t.Begin(asked(ctx, method, cc.Target()))
		if call == nil {
			return invoke(ctx, method, request, response, cc, opts...)
		}
		put(call, call.Request, request)
		var header, trailer metadata.MD
		err := invoke(ctx, method, request, response, cc, append(slices.Clip(opts), grpc.Header(&header), grpc.Trailer(&trailer))...)
		if err == nil {
			put(call, call.Response, response)
		}
		call.End(answer(err, header, trailer))
		return err
	}
}

// StreamClient records the streaming calls that a program makes, each when its end was received, or its context
// was cancelled.
func StreamClient(t *capture.Tap) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, begin grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		call := t.Begin(asked(ctx, method, cc.Target()))
		stream, err := begin(ctx, desc, cc, method, opts...)
		if call == nil {
			return stream, err
		}
		if err != nil {
			call.End(answer(err, nil, nil))
			return nil, err
		}
		s := &clientStream{ClientStream: stream, call: call, once: !desc.ServerStreams}
		s.forget = context.AfterFunc(ctx, func() { call.End(nil) })
		return s, nil
	}
}

type clientStream struct {
	grpc.ClientStream
	call   *capture.Call
	once   bool // the server sends one message
	forget func() bool
}

func (s *clientStream) SendMsg(m any) error {
	put(s.call, s.call.Request, m)
	return s.ClientStream.SendMsg(m)
}

func (s *clientStream) CloseSend() error {
	s.call.Sent()
	return s.ClientStream.CloseSend()
}

func (s *clientStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		put(s.call, s.call.Response, m)
		if !s.once {
			return nil
		}
	}
	s.forget()
	header, _ := s.Header() // known by now, or never
	failed := err
	if failed == io.EOF {
		failed = nil
	}
	s.call.End(answer(failed, header, s.Trailer()))
	return err
}

// received is the request of a call that came in.
func received(ctx context.Context, method string) *replay.Exchange {
	md, _ := metadata.FromIncomingContext(ctx)
	x := exchange(method, md)
	if host := md.Get(":authority"); len(host) > 0 {
		x.Host = host[0]
	}
	if p, ok := peer.FromContext(ctx); ok {
		h := fnv.New64a()
		_, _ = io.WriteString(h, p.Addr.String())
		x.Conn = h.Sum64() | 1
	}
	return x
}

// asked is the request of a call that goes out.
func asked(ctx context.Context, method, target string) *replay.Exchange {
	md, _ := metadata.FromOutgoingContext(ctx)
	x := exchange(method, md)
	x.Host = target[strings.LastIndexByte(target, '/')+1:]
	return x
}

func exchange(method string, md metadata.MD) *replay.Exchange {
	x := &replay.Exchange{Method: "POST", Target: method, Proto: "HTTP/2.0", Header: fields(md)}
	x.Header.Set("Content-Type", "application/grpc")
	x.Header.Set("Te", "trailers")
	return x
}

// answer is the response of a call that ended with err.
func answer(err error, header, trailer metadata.MD) *replay.Response {
	s := status.Convert(err)
	r := &replay.Response{Status: 200, Header: fields(header), Trailer: fields(trailer)}
	r.Header.Set("Content-Type", "application/grpc")
	r.Trailer.Set("Grpc-Status", strconv.Itoa(int(s.Code())))
	if s.Message() != "" {
		r.Trailer.Set("Grpc-Message", s.Message())
	}
	return r
}

// fields lists metadata by name, but for what stands elsewhere.
func fields(md metadata.MD) replay.Header {
	var h replay.Header
	for name, values := range md {
		if strings.HasPrefix(name, ":") {
			continue
		}
		for _, v := range values {
			h = append(h, replay.Field{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(h, func(a, b replay.Field) int { return strings.Compare(a.Name, b.Name) })
	return h
}

// put adds a message to a body, as it stands on the wire. A message that is no protocol buffer is missing from it.
func put(call *capture.Call, to func([]byte), message any) {
	if call == nil {
		return
	}
	var m proto.Message
	switch v := message.(type) {
	case proto.Message:
		m = v
	case protoadapt.MessageV1:
		m = protoadapt.MessageV2Of(v)
	default:
		call.Miss()
		return
	}
	b, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 5, 5+proto.Size(m)), m)
	if err != nil {
		call.Miss()
		return
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-5))
	to(b)
}
