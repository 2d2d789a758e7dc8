package linkproxy

import (
	"cmp"
	"encoding/binary"
	"sync"

	"golang.org/x/net/http2/hpack"
)

// The parts of HTTP/2 framing (RFC 9113, sections 4.1 and 6) that counting needs.
const (
	frameHeaderSize   = 9
	frameData         = 0x0
	frameHeaders      = 0x1
	frameResetStream  = 0x3
	frameContinuation = 0x9
	flagEndStream     = 0x1
	flagEndHeaders    = 0x4
	flagPadded        = 0x8
	flagPriority      = 0x20

	maxHeaderBlock = 64 << 10
	maxStreams     = 10_000
)

// http2Sniffer pairs the HEADERS frames of the caller with the end of the callee's streams.
type http2Sniffer struct {
	count     func(code string)
	requests  frames
	responses frames
	decoder   *hpack.Decoder // of the callee's headers; nil after an error
	block     []byte         // header block being collected
	ending    bool           // the block belongs to the last frame of its stream
	status    string
	grpc      string

	mu   sync.Mutex
	open map[uint32]string // unanswered streams, with the status their answer began with
}

func newHTTP2Sniffer(count func(code string)) *http2Sniffer {
	return &http2Sniffer{count: count}
}

func (h *http2Sniffer) request(data []byte) {
	h.requests.feed(data, func(f frame) {
		switch f.kind {
		case frameHeaders:
			h.started(f.stream)
		case frameResetStream:
			h.ended(f.stream, "none")
		}
	})
}

func (h *http2Sniffer) started(stream uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = map[uint32]string{}
	}
	if _, known := h.open[stream]; !known && len(h.open) < maxStreams { // a second HEADERS frame is a trailer
		h.open[stream] = "none"
	}
}

// answering remembers the status of an answer whose body follows.
func (h *http2Sniffer) answering(stream uint32, status string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.open[stream]; known {
		h.open[stream] = status
	}
}

// ended counts a stream once. An empty code means the status that its answer began with.
func (h *http2Sniffer) ended(stream uint32, code string) {
	h.mu.Lock()
	status, known := h.open[stream]
	delete(h.open, stream)
	h.mu.Unlock()
	if known {
		h.count(cmp.Or(code, status))
	}
}

func (h *http2Sniffer) close() {
	h.mu.Lock()
	unanswered := len(h.open)
	h.open = nil
	h.mu.Unlock()
	for range unanswered {
		h.count("none")
	}
}

func (h *http2Sniffer) response(data []byte) {
	h.responses.feed(data, func(f frame) {
		switch f.kind {
		case frameHeaders:
			h.block = append(h.block[:0], f.fragment()...)
			h.ending = f.flags&flagEndStream != 0
			h.headers(f)
		case frameContinuation:
			if len(h.block)+len(f.payload) <= maxHeaderBlock {
				h.block = append(h.block, f.payload...)
			}
			h.headers(f)
		case frameResetStream:
			h.ended(f.stream, "none")
		case frameData:
			if f.flags&flagEndStream != 0 {
				h.ended(f.stream, "") // an answer without trailers, so no gRPC
			}
		}
	})
}

// headers decodes a finished header block; the decoder has state, so that none may be left out.
func (h *http2Sniffer) headers(f frame) {
	if f.flags&flagEndHeaders == 0 {
		return
	}
	if h.decoder == nil {
		h.decoder = hpack.NewDecoder(4096, func(field hpack.HeaderField) {
			switch field.Name {
			case ":status":
				h.status = field.Value
			case "grpc-status":
				h.grpc = field.Value
			}
		})
	}
	h.status, h.grpc = "", ""
	_, err := h.decoder.Write(h.block)
	if err == nil {
		err = h.decoder.Close()
	}
	if h.ending {
		h.ended(f.stream, h.code(err))
		return
	}
	h.answering(f.stream, h.code(err))
}

func (h *http2Sniffer) code(err error) string {
	switch {
	case err != nil:
		return "invalid"
	case h.grpc != "" && len(h.grpc) <= 2:
		return "grpc_" + statusText([]byte(h.grpc))
	case len(h.status) == 3:
		return statusText([]byte(h.status))
	}
	return "invalid"
}

type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte // only of frames that counting looks into
}

// fragment returns the header block fragment of a HEADERS frame.
func (f frame) fragment() []byte {
	p := f.payload
	pad := 0
	if f.flags&flagPadded != 0 && len(p) > 0 {
		pad, p = int(p[0]), p[1:]
	}
	if f.flags&flagPriority != 0 && len(p) >= 5 {
		p = p[5:]
	}
	if pad > len(p) {
		return nil
	}
	return p[:len(p)-pad]
}

// frames cuts a byte stream into frames, whatever the chunks it comes in.
type frames struct {
	header  []byte // of the frame being read, up to frameHeaderSize
	payload []byte
	left    int // payload bytes still to come
}

// feed calls each for every frame that data completes. The payload is valid only during the call.
func (s *frames) feed(data []byte, each func(frame)) {
	for {
		if missing := frameHeaderSize - len(s.header); missing > 0 {
			n := min(missing, len(data))
			s.header = append(s.header, data[:n]...)
			data = data[n:]
			if n < missing {
				return
			}
			s.left = int(s.header[0])<<16 | int(s.header[1])<<8 | int(s.header[2])
		}
		n := min(s.left, len(data))
		if kind := s.header[3]; (kind == frameHeaders || kind == frameContinuation) && len(s.payload)+n <= maxHeaderBlock {
			s.payload = append(s.payload, data[:n]...)
		}
		s.left -= n
		data = data[n:]
		if s.left > 0 {
			return
		}
		each(frame{
			kind: s.header[3], flags: s.header[4],
			stream:  binary.BigEndian.Uint32(s.header[5:]) &^ (1 << 31),
			payload: s.payload,
		})
		s.header, s.payload = s.header[:0], s.payload[:0]
	}
}
