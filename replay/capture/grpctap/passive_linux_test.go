package grpctap_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
	"github.com/gameday-dev/gameday/replay/tape"
)

// callName is the metadata that tells calls apart.
const callName = "x-call"

// spoken is what one call said and heard, as the program that made it knows.
type spoken struct {
	method         string
	said, heard    []proto.Message
	code           codes.Code
	text           string // of the status
	header, behind metadata.MD
	left           bool // the client did not wait for the end
}

func (s *spoken) say(m proto.Message)  { s.said = append(s.said, m) }
func (s *spoken) hear(m proto.Message) { s.heard = append(s.heard, m) }
func (s *spoken) end(err error)        { s.code, s.text = status.Code(err), status.Convert(err).Message() }
func (s *spoken) calls(method string)  { s.method = "/grpc.testing.TestService/" + method }
func (s *spoken) opts() []grpc.CallOption {
	return []grpc.CallOption{grpc.Header(&s.header), grpc.Trailer(&s.behind)}
}

// noise is a payload that no compression makes small.
func noise(size int) *pb.Payload {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return &pb.Payload{Body: b}
}

// wanted is the status that a call is to end with.
func wanted(code codes.Code, text string) *pb.EchoStatus {
	return &pb.EchoStatus{Code: int32(code), Message: text}
}

// performances are the calls: each tells what it says and hears.
var performances = map[string]func(context.Context, pb.TestServiceClient, *spoken) error{
	"a unary call": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		return unary(ctx, c, s, &pb.SimpleRequest{Payload: payload("hello")})
	},
	"messages without a byte": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		s.calls("EmptyCall")
		s.say(&pb.Empty{})
		r, err := c.EmptyCall(ctx, &pb.Empty{}, s.opts()...)
		if s.end(err); err == nil {
			s.hear(r)
		}
		return err
	},
	"messages of 1 MiB, in many frames": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		return unary(ctx, c, s, &pb.SimpleRequest{Payload: noise(1 << 20)})
	},
	"compressed messages": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		return unary(ctx, c, s, &pb.SimpleRequest{Payload: payload(strings.Repeat("again ", 1000))}, grpc.UseCompressor(grpcgzip.Name))
	},
	"an error of trailers alone": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		return unary(ctx, c, s, &pb.SimpleRequest{ResponseStatus: wanted(codes.NotFound, "no such tea: grün, 100 %\n")})
	},
	"metadata, twice and as bytes, and a deadline": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "x-tag", "one", "x-tag", "two", "x-raw-bin", "\x00\xff\x7f"), time.Minute)
		defer cancel()
		return unary(ctx, c, s, &pb.SimpleRequest{Payload: payload("tagged")})
	},
	"a stream of the server": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		return watching(ctx, c, s, &pb.StreamingOutputCallRequest{Payload: payload("watch"), ResponseParameters: []*pb.ResponseParameters{{Size: 10}, {}, {Size: 70_000}}})
	},
	"a stream of the server that ends in an error": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		return watching(ctx, c, s, &pb.StreamingOutputCallRequest{ResponseParameters: []*pb.ResponseParameters{{Size: 10}}, ResponseStatus: wanted(codes.Aborted, "enough")})
	},
	"a stream of the client": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		s.calls("StreamingInputCall")
		stream, err := c.StreamingInputCall(ctx, s.opts()...)
		for i := 0; i < 4 && err == nil; i++ {
			m := &pb.StreamingInputCallRequest{Payload: noise(i * 20_000)}
			s.say(m)
			err = stream.Send(m)
		}
		if err != nil {
			return err
		}
		r, err := stream.CloseAndRecv()
		if s.end(err); err == nil {
			s.hear(r)
		}
		return err
	},
	"a stream both ways": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		stream, err := talking(ctx, c, s)
		if err != nil {
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		_, err = stream.Recv()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		s.end(err)
		return err
	},
	"a stream both ways that its client leaves": func(ctx context.Context, c pb.TestServiceClient, s *spoken) error {
		ctx, leave := context.WithCancel(ctx)
		defer leave()
		stream, err := talking(ctx, c, s)
		s.left = true
		if err != nil {
			return err
		}
		leave()
		_, err = stream.Recv() // which ends when the client is told that it has left
		return err
	},
}

// unary makes a call of one message on each side.
func unary(ctx context.Context, c pb.TestServiceClient, s *spoken, m *pb.SimpleRequest, o ...grpc.CallOption) error {
	s.calls("UnaryCall")
	s.say(m)
	r, err := c.UnaryCall(ctx, m, append(o, s.opts()...)...)
	if s.end(err); err == nil {
		s.hear(r)
	}
	return err
}

// watching hears everything that the server says to one message.
func watching(ctx context.Context, c pb.TestServiceClient, s *spoken, m *pb.StreamingOutputCallRequest) error {
	s.calls("StreamingOutputCall")
	s.say(m)
	stream, err := c.StreamingOutputCall(ctx, m, s.opts()...)
	for err == nil {
		var r *pb.StreamingOutputCallResponse
		if r, err = stream.Recv(); err == nil {
			s.hear(r)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	s.end(err)
	return err
}

// talking says some messages, each after the answer to the one before.
func talking(ctx context.Context, c pb.TestServiceClient, s *spoken) (pb.TestService_FullDuplexCallClient, error) {
	s.calls("FullDuplexCall")
	stream, err := c.FullDuplexCall(ctx, s.opts()...)
	for i := 0; i < 5 && err == nil; i++ {
		m := &pb.StreamingOutputCallRequest{Payload: noise(i * 9000)}
		s.say(m)
		if err = stream.Send(m); err != nil {
			break
		}
		var r *pb.StreamingOutputCallResponse
		if r, err = stream.Recv(); err == nil {
			s.hear(r)
		}
	}
	return stream, err
}

// actor is the service of the performances. It remembers what each call said.
type actor struct {
	service
	mu    sync.Mutex
	heard map[string][]proto.Message // by call
}

func (a *actor) EmptyCall(context.Context, *pb.Empty) (*pb.Empty, error) { return &pb.Empty{}, nil }

func (a *actor) UnaryCall(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	tags := metadata.MD{"x-tags": md["x-tag"], "x-raw-bin": md["x-raw-bin"]}
	if err := errors.Join(grpc.SetHeader(ctx, tags), grpc.SetTrailer(ctx, tags)); err != nil {
		return nil, err
	}
	if s := r.GetResponseStatus(); s != nil {
		return nil, status.Error(codes.Code(s.GetCode()), s.GetMessage())
	}
	return &pb.SimpleResponse{Payload: r.GetPayload()}, nil
}

func (a *actor) StreamingOutputCall(r *pb.StreamingOutputCallRequest, s pb.TestService_StreamingOutputCallServer) error {
	for _, p := range r.GetResponseParameters() {
		if err := s.Send(&pb.StreamingOutputCallResponse{Payload: noise(int(p.GetSize()))}); err != nil {
			return err
		}
	}
	if st := r.GetResponseStatus(); st != nil {
		return status.Error(codes.Code(st.GetCode()), st.GetMessage())
	}
	return nil
}

func (a *actor) note(ctx context.Context, m any) {
	md, _ := metadata.FromIncomingContext(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	name := strings.Join(md[callName], ",")
	a.heard[name] = append(a.heard[name], proto.Clone(m.(proto.Message)))
}

func (a *actor) unary(ctx context.Context, m any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	a.note(ctx, m)
	return next(ctx, m)
}

func (a *actor) stream(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return next(srv, &hearing{s, a})
}

// hearing notes what a stream says.
type hearing struct {
	grpc.ServerStream
	actor *actor
}

func (h *hearing) RecvMsg(m any) error {
	err := h.ServerStream.RecvMsg(m)
	if err == nil {
		h.actor.note(h.Context(), m)
	}
	return err
}

// forget returns what calls have said, and begins anew.
func (a *actor) forget() map[string][]proto.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	heard := a.heard
	a.heard = make(map[string][]proto.Message)
	return heard
}

// acting starts the service, and returns its address.
func acting(t *testing.T) (*actor, net.Addr) {
	t.Helper()
	a := &actor{heard: make(map[string][]proto.Message)}
	s := grpc.NewServer(grpc.UnaryInterceptor(a.unary), grpc.StreamInterceptor(a.stream))
	pb.RegisterTestServiceServer(s, a)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Stop()
		running.Wait()
	})
	return a, l.Addr()
}

// perform makes all calls, many at a time over one connection, and returns what they said by name.
func perform(t *testing.T, to net.Addr) map[string]*spoken {
	t.Helper()
	cc, err := grpc.NewClient(to.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	client := pb.NewTestServiceClient(cc)
	all := make(map[string]*spoken)
	var calls sync.WaitGroup
	for name, call := range performances {
		for i := range 4 {
			s := new(spoken)
			all[fmt.Sprint(name, " #", i)] = s
			calls.Go(func() {
				ctx := metadata.AppendToOutgoingContext(t.Context(), callName, fmt.Sprint(name, " #", i))
				if err := call(ctx, client, s); err != nil && !s.left && s.code == codes.OK {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	calls.Wait()
	require.NoError(t, cc.Close())
	return all
}

// TestCallsAreCapturedFromPackets has both ends of grpc-go talk, captures what passes the interface, and replays it to the
// same server: what is on the tape is what the calls said and heard, and the server hears it once more.
func TestCallsAreCapturedFromPackets(t *testing.T) {
	if tcptest.InNamespace(t) {
		return
	}
	server, to := acting(t)
	path := filepath.Join(t.TempDir(), "calls.gdtape")
	var calls map[string]*spoken
	counts := captured(t, path, to, func() int {
		calls = perform(t, to)
		return len(calls)
	})
	require.Empty(t, counts.Lost)
	require.Empty(t, counts.Filtered)

	recorded := taped(t, path)
	require.Len(t, recorded, len(calls))
	conns := make(map[uint64]bool)
	for name, s := range calls {
		requireSpoken(t, name, s, recorded[name])
		conns[recorded[name].Conn] = true
	}
	require.Len(t, conns, 1, "all calls share a connection")

	maps.DeleteFunc(calls, func(_ string, s *spoken) bool { return s.left })
	before := server.forget()
	replayed(t, path, to, calls)
	after := server.forget()
	for name := range calls {
		requireMessages(t, name, before[name], after[name])
	}
	require.Len(t, after, len(calls))
}

// captured records what passes the loopback interface while the calls are made, which says how many there were.
func captured(t *testing.T, path string, to net.Addr, calls func() int) replay.Counts {
	t.Helper()
	ports := []uint16{uint16(to.(*net.TCPAddr).Port)}
	from, err := passive.Interfaces{Names: []string{"lo"}, Ports: ports, Buffer: 64 << 20}.Open()
	require.NoError(t, err)
	w, err := tape.Create(path, tape.Meta{Source: "test"}, tape.Options{})
	require.NoError(t, err)
	watch := passive.New(from, w, passive.Options{Ports: ports, Options: capture.Options{Source: "lo"}})
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- watch.Run(ctx) }()
	n := calls()
	require.Eventually(t, func() bool { c := watch.Counts(); return c.Captured+c.Lost.Total()+c.Filtered.Total() >= uint64(n) },
		time.Minute, 10*time.Millisecond, "it may be behind")
	stop()
	require.NoError(t, <-watched)
	require.NoError(t, errors.Join(from.Close(), w.Close()))
	return watch.Counts()
}

// taped returns what is on a tape, by call.
func taped(t *testing.T, path string) map[string]*replay.Exchange {
	t.Helper()
	r, err := tape.Open(path, tape.ReadOptions{})
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // a test's
	all := make(map[string]*replay.Exchange)
	for {
		x, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all[x.Header.Get(callName)] = x
	}
}

// requireSpoken compares a record with what its call said and heard.
func requireSpoken(t *testing.T, name string, s *spoken, x *replay.Exchange) {
	t.Helper()
	require.NotNil(t, x, name)
	require.Equal(t, "POST "+s.method+" HTTP/2.0", x.Method+" "+x.Target+" "+x.Proto, name)
	require.Equal(t, "application/grpc", x.Header.Get("Content-Type"), name)
	require.False(t, x.Truncated(), name)
	requireMessages(t, name, s.said, unwired(t, x.Body, s.said))

	r := x.Response
	require.NotNil(t, r, name)
	require.Equal(t, 200, r.Status, name)
	require.Equal(t, s.left, r.Cut, name)
	require.False(t, r.Truncated(), name)
	requireMessages(t, name, s.heard, unwired(t, r.Body, s.heard))
	if !s.left {
		trailer := r.Trailer
		if len(s.heard) == 0 && len(trailer) == 0 { // the header is the trailer
			trailer = r.Header
		}
		require.Equal(t, fmt.Sprint(int(s.code)), trailer.Get("Grpc-Status"), name)
		require.Equal(t, percent(s.text), trailer.Get("Grpc-Message"), name)
		requireMetadata(t, name, s.behind, trailer)
	}
	if strings.HasPrefix(name, "metadata") {
		require.Equal(t, []string{"one", "two"}, valuesOf(x.Header, "x-tag"), name)
		require.Equal(t, []string{"AP9/"}, valuesOf(x.Header, "x-raw-bin"), name)
		require.NotEmpty(t, x.Header.Get("Grpc-Timeout"), name)
		require.Equal(t, []string{"one", "two"}, valuesOf(r.Header, "x-tags"), name)
		require.Equal(t, []string{"one", "two"}, valuesOf(r.Trailer, "x-tags"), name)
	}
	requireMetadata(t, name, s.header, r.Header)

	if len(s.said) < 2 && len(s.heard) < 2 {
		require.Empty(t, x.Beats, name)
		return
	}
	sizes, counts := map[bool]int64{}, map[bool]int{}
	for _, b := range x.Beats {
		sizes[b.FromServer] += b.Size
		counts[b.FromServer]++
	}
	require.Equal(t, map[bool]int{false: len(s.said), true: len(s.heard)}, counts, name)
	require.Equal(t, map[bool]int64{false: int64(len(x.Body)), true: int64(len(r.Body))}, sizes, name)
}

// requireMetadata says that what a call was told of itself is on the record, in the same order.
func requireMetadata(t *testing.T, name string, md metadata.MD, h replay.Header) {
	t.Helper()
	for key, values := range md {
		if got := valuesOf(h, key); strings.HasSuffix(key, "-bin") {
			require.Len(t, got, len(values), "%s: %s", name, key)
		} else {
			require.Equal(t, values, got, "%s: %s", name, key)
		}
	}
}

func valuesOf(h replay.Header, name string) (all []string) {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// percent writes the message of a status as it stands in a trailer.
func percent(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unwired reads the messages of a body, which are of the kinds of like.
func unwired(t *testing.T, body []byte, like []proto.Message) (all []proto.Message) {
	t.Helper()
	for _, m := range like {
		require.GreaterOrEqual(t, len(body), 5)
		size := 5 + int(binary.BigEndian.Uint32(body[1:]))
		require.GreaterOrEqual(t, len(body), size)
		text := body[5:size]
		if body[0] == 1 {
			unzip, err := gzip.NewReader(bytes.NewReader(text))
			require.NoError(t, err)
			text, err = io.ReadAll(unzip)
			require.NoError(t, err)
		}
		got := m.ProtoReflect().New().Interface()
		require.NoError(t, proto.Unmarshal(text, got))
		all, body = append(all, got), body[size:]
	}
	require.Empty(t, body)
	return all
}

func requireMessages(t *testing.T, name string, want, got []proto.Message) {
	t.Helper()
	require.True(t, slices.EqualFunc(want, got, proto.Equal), "%s: %d messages, want %d", name, len(got), len(want))
}

// finished is a tape without the calls that were left: how far those come is a matter of time.
type finished struct{ tape *tape.Reader }

func (f finished) Next() (*replay.Exchange, error) {
	for {
		if x, err := f.tape.Next(); err != nil || !x.Response.Cut {
			return x, err
		}
	}
}

func (f finished) Close() error { return f.tape.Close() }

// replayed plays the calls of a tape to a server, and sees that all of them end as they did.
func replayed(t *testing.T, path string, to net.Addr, calls map[string]*spoken) {
	t.Helper()
	open := func() (replay.Source, error) {
		r, err := tape.Open(path, tape.ReadOptions{})
		return finished{r}, err
	}
	p, err := replay.New(replay.Config{
		Open: open, Targets: []string{"http://" + to.String()},
		Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(time.Minute), MaxLate: gameday.Duration(time.Minute)},
	})
	require.NoError(t, err)
	traffic, err := p.Run(t.Context(), time.Now(), nil)
	require.NoError(t, err)
	var ok int64
	for _, slice := range traffic.Slices {
		ok += slice.Classes[gameday.ClassOK]
	}
	require.EqualValues(t, len(calls), ok, "%+v", traffic.Worst)
	m := traffic.Fidelity.Messages
	require.Empty(t, m.Unsent)
	require.Empty(t, m.Failed)
	var streams, said, heard int64
	for _, s := range calls {
		if len(s.said) > 1 || len(s.heard) > 1 {
			streams, said, heard = streams+1, said+int64(len(s.said)), heard+int64(len(s.heard))
		}
	}
	require.Equal(t, [...]int64{streams, said, heard, heard}, [...]int64{m.Conversations, m.Sent, m.Received, m.Recorded})
	require.Equal(t, "HTTP/2 pre-serialised on shared connections", p.Sender())
}
