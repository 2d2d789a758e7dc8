package linkproxy

import (
	"bytes"
	"sync/atomic"
)

// sniffer counts the requests on one connection from the bytes that pass, without parsing more than it
// must: the status line after each HTTP/1 request, or the HEADERS frames of HTTP/2.
//
// A code is "200" and the like for HTTP, "grpc_14" and the like for gRPC, and "none" for a request that
// was never answered.
type sniffer struct {
	count   func(code string)
	kind    atomic.Int32 // protocol, known from the first request bytes
	waiting atomic.Bool  // HTTP/1: a request was sent and not answered yet
	last    string       // code that was counted; most are the same
	http2   *http2Sniffer
}

const (
	unknownProtocol int32 = iota
	http1
	http2
	otherProtocol
)

var (
	http2Preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	httpMethods  = [][]byte{
		[]byte("GET "), []byte("POST "), []byte("PUT "), []byte("DELETE "), []byte("PATCH "), []byte("HEAD "), []byte("OPTIONS "),
	}
)

var _ Watcher = (*sniffer)(nil)

func newSniffer(count func(code string)) *sniffer {
	return &sniffer{count: count, http2: newHTTP2Sniffer(count)}
}

func isHTTP1Request(data []byte) bool {
	for _, m := range httpMethods {
		if bytes.HasPrefix(data, m) {
			return true
		}
	}
	return false
}

// Pass looks at bytes of one direction.
func (s *sniffer) Pass(d Direction, data []byte) bool {
	if d == Request {
		s.request(data)
	} else {
		s.response(data)
	}
	return true
}

// End does nothing: what was not answered may be yet.
func (s *sniffer) End(Direction) bool { return true }

// Idle is not asked: nobody hangs up.
func (s *sniffer) Idle() bool { return true }

// request looks at bytes from the caller.
func (s *sniffer) request(data []byte) {
	kind := s.kind.Load()
	if kind == unknownProtocol {
		kind = protocolOf(data)
		s.kind.Store(kind)
		if kind == http2 {
			data = data[len(http2Preface):]
		}
	}
	switch kind {
	case http1:
		if isHTTP1Request(data) {
			s.waiting.Store(true)
		}
	case http2:
		s.http2.request(data)
	}
}

func protocolOf(first []byte) int32 {
	switch {
	case bytes.HasPrefix(first, http2Preface):
		return http2
	case bytes.HasPrefix(first, []byte(probeRequest)):
		return otherProtocol
	case isHTTP1Request(first):
		return http1
	}
	return otherProtocol
}

// response looks at bytes from the callee.
func (s *sniffer) response(data []byte) {
	switch s.kind.Load() {
	case http1:
		const statusAt = len("HTTP/1.1 ")
		if !s.waiting.Load() || len(data) < statusAt+3 || !bytes.HasPrefix(data, []byte("HTTP/1.")) {
			return
		}
		code := data[statusAt : statusAt+3]
		switch {
		case string(code) == "101":
			s.kind.Store(otherProtocol) // WebSocket and its like: no more requests on this connection
		case code[0] == '1':
			return // an interim answer; the real one follows
		}
		s.waiting.Store(false)
		if s.last != string(code) {
			s.last = statusText(code)
		}
		s.count(s.last)
	case http2:
		s.http2.response(data)
	}
}

// statusText bounds the values that the code label can take.
func statusText(code []byte) string {
	for _, c := range code {
		if c < '0' || c > '9' {
			return "invalid"
		}
	}
	return string(code)
}

// Close counts what was asked and never answered.
func (s *sniffer) Close() {
	if s.waiting.Swap(false) {
		s.count("none")
	}
	s.http2.close()
}
