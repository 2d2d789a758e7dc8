package capture

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
)

// deflate is what the two sides agreed on about permessage-deflate (RFC 7692).
type deflate struct {
	clientForgets bool // each message of the client is packed by itself
	serverForgets bool
}

// extensionsOf reads what a server agreed to; known is false when it is more than is known here.
func extensionsOf(line string) (d deflate, known bool) {
	for extension := range strings.SplitSeq(line, ",") {
		name, parameters, _ := strings.Cut(extension, ";")
		switch strings.TrimSpace(name) {
		case "":
			continue
		case "permessage-deflate":
		default:
			return d, false
		}
		for parameter := range strings.SplitSeq(parameters, ";") {
			switch strings.TrimSpace(parameter) {
			case "client_no_context_takeover":
				d.clientForgets = true
			case "server_no_context_takeover":
				d.serverForgets = true
			}
		}
	}
	return d, true
}

const (
	windowSize  = 32 << 10
	unpackedMax = 16 << 20
)

var (
	errContext = errors.New("a message before it is missing")
	errUnfolds = errors.New("unfolds to more than 16 MiB")
)

// An inflater unpacks the messages of one direction. A message may point back into those before
// it, so the first that is missing ends it.
type inflater struct {
	forget bool
	next   uint64
	window []byte
	reader io.ReadCloser
}

// tail ends a message: what the sender cuts off, and an empty last block.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

func (in *inflater) message(m *said) ([]byte, error) {
	if m.Truncated() || !in.forget && m.nth != in.next {
		return nil, errContext // and next stays: none of those behind it can be unpacked either
	}
	packed := io.MultiReader(bytes.NewReader(m.Body), strings.NewReader(tail))
	if in.reader == nil {
		in.reader = flate.NewReaderDict(packed, in.window)
	} else if err := in.reader.(flate.Resetter).Reset(packed, in.window); err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(in.reader, unpackedMax+1))
	if err == nil && len(plain) > unpackedMax {
		err = errUnfolds
	}
	if err != nil {
		return nil, err
	}
	in.next = m.nth + 1
	if !in.forget {
		in.window = append(in.window, plain...)
		if old := len(in.window) - windowSize; old > 0 {
			in.window = append(in.window[:0], in.window[old:]...)
		}
	}
	return plain, nil
}
