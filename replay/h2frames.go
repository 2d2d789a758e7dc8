package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// feed takes what the server sent. After an error the connection is of no use; out says so to the server.
func (h *h2conn) feed(data []byte) error {
	if len(h.partial) > 0 {
		h.partial = append(h.partial, data...)
		data = h.partial
	}
	rest, err := h.frames(data)
	h.partial = append(h.partial[:0], rest...)
	if err != nil {
		code := http2.ErrCodeProtocol
		if e, ok := errors.AsType[http2.ConnectionError](err); ok {
			code = http2.ErrCode(e)
		} else if errors.Is(err, http2.ErrFrameTooLarge) {
			code = http2.ErrCodeFrameSize
		}
		h.put(http2.FrameGoAway, 0, 0, 8)
		h.out = binary.BigEndian.AppendUint32(h.out, 0) // of the server's streams, of which there are none
		h.out = binary.BigEndian.AppendUint32(h.out, uint32(code))
	}
	return err
}

// frames takes the whole ones, and returns the rest.
func (h *h2conn) frames(data []byte) (rest []byte, err error) {
	for len(data) >= h2Head {
		n := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
		if n <= h2Frame && len(data) < h2Head+n {
			break
		}
		whole := data[:min(h2Head+n, len(data))] // the framer refuses what is too long by its header
		data = data[len(whole):]
		h.source.Reset(whole)
		frame, err := h.framer.ReadFrame()
		switch wrong, ok := errors.AsType[http2.StreamError](err); {
		case err == nil:
			err = h.take(frame)
		case ok && http2.FrameType(whole[3]) != http2.FrameHeaders: // whose block would be missing from the table
			if st := h.streams[wrong.StreamID]; st != nil {
				h.fail(st, wrong)
			}
			err = nil
		default:
			err = errors.Join(err, h.framer.ErrorDetail())
		}
		if err != nil {
			return nil, err
		}
		if h.quiet++; h.quiet > h2Quiet {
			return nil, connError(http2.ErrCodeEnhanceYourCalm, "%d frames of the server brought nothing", h2Quiet)
		}
		if h.control > h2Control {
			return nil, connError(http2.ErrCodeEnhanceYourCalm, "server does not read what it is told: %d frames wait", h2Control)
		}
	}
	return data, nil
}

// connError is an error after which nothing on a connection makes sense.
func connError(code http2.ErrCode, format string, args ...any) error {
	return fmt.Errorf("%w: %s", http2.ConnectionError(code), fmt.Sprintf(format, args...))
}

// take takes one frame.
func (h *h2conn) take(frame http2.Frame) error {
	if settings, ok := frame.(*http2.SettingsFrame); !h.settled && (!ok || settings.IsAck()) {
		return connError(http2.ErrCodeProtocol, "server sends %s before its settings", frame.Header().Type)
	}
	switch frame.(type) {
	case *http2.UnknownFrame, *http2.PriorityFrame:
		return nil
	}
	id := frame.Header().StreamID
	if id%2 == 0 && id > 0 || id >= h.next {
		return connError(http2.ErrCodeProtocol, "server sends %s on stream %d, which nobody began", frame.Header().Type, id)
	}
	st := h.streams[id]
	h.owed = 0
	switch f := frame.(type) {
	case *http2.DataFrame:
		h.calm()
		return h.takeData(st, f)
	case *http2.HeadersFrame:
		h.calm()
		h.begin(st, f.StreamEnded())
		return h.decode(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		return h.decode(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.WindowUpdateFrame:
		return h.takeWindow(st, id, int64(f.Increment))
	case *http2.RSTStreamFrame:
		if st != nil {
			h.drop(st, errReset(f.ErrCode), f.ErrCode == http2.ErrCodeRefusedStream)
		}
	case *http2.SettingsFrame:
		return h.takeSettings(f)
	case *http2.PingFrame:
		h.takePing(f)
	case *http2.GoAwayFrame:
		h.takeGoAway(f)
	case *http2.PushPromiseFrame:
		return connError(http2.ErrCodeProtocol, "server pushes, which it was told not to")
	}
	return nil
}

// calm allows another PING, as servers do that have answered a request since the last one.
func (h *h2conn) calm() {
	if h.ping == pingAnswered {
		h.ping = pingNone
	}
}

// takePing answers a PING, or takes the answer to one.
func (h *h2conn) takePing(f *http2.PingFrame) {
	switch {
	case !f.IsAck():
		h.put(http2.FramePing, http2.FlagPingAck, 0, h2Ping)
		h.out = append(h.out, f.Data[:]...)
	case h.ping == pingAsked:
		h.ping = pingAnswered
	}
}

// takeData takes a part of a body; st is nil when nobody wants it.
func (h *h2conn) takeData(st *h2stream, f *http2.DataFrame) error {
	n := int64(f.Length) // padding counts
	if h.credit -= n; h.credit < 0 {
		return connError(http2.ErrCodeFlowControl, "server sends more than it may")
	}
	if h.credit < h2ConnWindow/2 {
		h.grant(0, h2ConnWindow-h.credit)
		h.credit = h2ConnWindow
	}
	if st == nil {
		return nil
	}
	if st.credit -= n; st.credit < 0 {
		return connError(http2.ErrCodeFlowControl, "server sends more on stream %d than it may", st.id)
	}
	if n > 0 {
		h.quiet = 0
	}
	if err := st.data(f.Data()); err != nil {
		h.fail(st, err)
		return nil
	}
	if f.StreamEnded() {
		h.finish(st, st.end(false))
	} else if st.credit < h2StreamWindow/2 {
		h.grant(st.id, h2StreamWindow-st.credit)
		st.credit = h2StreamWindow
	}
	return nil
}

// begin expects a header block; st is nil when nobody wants it.
func (h *h2conn) begin(st *h2stream, last bool) {
	h.reading, h.block, h.last = st, 0, last
	if st != nil && !st.heard {
		st.heard = true
		h.guest.streamHeard(st)
	}
}

// decode takes a part of a header block. One that nobody wants changes the table of header fields too.
func (h *h2conn) decode(fragment []byte, whole bool) error {
	if h.block += h2Head + len(fragment); h.block > h2Block {
		return connError(http2.ErrCodeEnhanceYourCalm, "header of the response is longer than %d bytes", h2Block)
	}
	st := h.reading
	if st != nil && h.streams[st.id] != st { // it was given up meanwhile
		st, h.reading = nil, nil
	}
	h.decoder.SetEmitEnabled(st != nil && st.block.wrong == nil)
	_, err := h.decoder.Write(fragment)
	if whole {
		err = errors.Join(err, h.decoder.Close())
	}
	if err != nil {
		return connError(http2.ErrCodeCompression, "header of the response: %s", err)
	}
	if st == nil || !whole {
		return nil
	}
	h.quiet = 0
	bare := !st.headed
	if err := st.endBlock(h.last); err != nil {
		h.fail(st, err)
	} else if h.last {
		h.finish(st, st.end(bare))
	}
	return nil
}

func (h *h2conn) field(f hpack.HeaderField) { h.reading.field(f) }

// takeWindow lets a stream, or all of them, send more.
func (h *h2conn) takeWindow(st *h2stream, id uint32, n int64) error {
	switch {
	case id == 0:
		if h.window += n; h.window > h2WindowMax {
			return connError(http2.ErrCodeFlowControl, "server takes more than can be counted")
		}
		h.resume()
	case st == nil:
	default:
		if st.window += n; st.window > h2WindowMax {
			h.fail(st, fmt.Errorf("server takes more on stream %d than can be counted", id))
			return nil
		}
		h.send(st)
	}
	return nil
}

// takeSettings does as the server wants.
func (h *h2conn) takeSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	h.settled = true
	if f.NumSettings() > h2Settings {
		return connError(http2.ErrCodeEnhanceYourCalm, "more than %d settings at once", h2Settings)
	}
	if err := f.ForeachSetting(h.set); err != nil {
		return err
	}
	h.put(http2.FrameSettings, http2.FlagSettingsAck, 0, 0)
	h.resume()
	return nil
}

func (h *h2conn) set(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingMaxConcurrentStreams:
		h.limit = int(min(s.Val, h2Streams))
	case http2.SettingMaxFrameSize:
		h.frame = int(s.Val)
	case http2.SettingMaxHeaderListSize:
		h.list = int64(s.Val)
	case http2.SettingInitialWindowSize:
		for _, st := range h.streams {
			if st.window += int64(s.Val) - h.initial; st.window > h2WindowMax {
				return connError(http2.ErrCodeFlowControl, "server takes more on a stream than can be counted")
			}
		}
		h.initial = int64(s.Val)
	}
	return nil
}

// takeGoAway gives back the streams that the server has not looked at. The others go on.
func (h *h2conn) takeGoAway(f *http2.GoAwayFrame) {
	h.draining = true
	h.goAway = fmt.Errorf("%w (GOAWAY %s %.*q)", errGoAway, f.ErrCode, h2Debug, f.DebugData())
	for _, id := range slices.Sorted(maps.Keys(h.streams)) {
		if id > f.LastStreamID { // a server that is not content with the very first request will hardly be with its second coming
			h.drop(h.streams[id], h.goAway, id > 1 || f.ErrCode == http2.ErrCodeNo)
		}
	}
}
