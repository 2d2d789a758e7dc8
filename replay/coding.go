package replay

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// DecodedMax is how many bytes a coded body may unfold to.
const DecodedMax = 32 << 20

// Decode undoes one content coding: gzip, deflate or zstd. A body that unfolds to more than
// DecodedMax is an error.
func Decode(coding string, b []byte) ([]byte, error) {
	var in io.Reader
	var err error
	switch strings.ToLower(coding) {
	case "gzip", "x-gzip":
		in, err = gzip.NewReader(bytes.NewReader(b))
	case "deflate":
		if in, err = zlib.NewReader(bytes.NewReader(b)); err != nil {
			in, err = flate.NewReader(bytes.NewReader(b)), nil // some servers leave the zlib frame out
		}
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(DecodedMax)); err == nil {
			defer z.Close()
			in = z
		}
	default:
		return nil, fmt.Errorf("unknown content coding %q", coding)
	}
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(in, DecodedMax+1))
	if err == nil && len(plain) > DecodedMax {
		err = fmt.Errorf("unfolds to more than %d bytes", DecodedMax)
	}
	return plain, err
}

// Prettify takes transfer and content coding off both messages, and makes their header lines
// fit. A body that is cut, broken or in an unknown coding stays as it is.
func (x *Exchange) Prettify() {
	if !x.Truncated() {
		x.Body, x.Size = prettify(&x.Header, x.Body)
	}
	if r := x.Response; r != nil && !r.Truncated() && !r.Cut {
		r.Body, r.Size = prettify(&r.Header, r.Body)
	}
}

func prettify(h *Header, body []byte) ([]byte, int64) {
	framed := h.Has("Transfer-Encoding")
	if coding := h.Get("Content-Encoding"); coding != "" && len(body) > 0 {
		if plain, err := Decode(coding, body); err == nil {
			body, framed = plain, true
			h.Del("Content-Encoding")
		}
	}
	if framed { // the body has no chunks any more
		h.Del("Transfer-Encoding")
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return body, int64(len(body))
}
