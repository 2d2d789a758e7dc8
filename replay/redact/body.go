package redact

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/gameday-dev/gameday/replay"
)

// decodedMax bounds what a coded body may unfold to.
const decodedMax = 32 << 20

// form is what a body is to the rules.
type form int

const (
	other form = iota
	jsonForm
	urlForm
	multipartForm
)

// body returns what may be stored of a body, and corrects the header lines and the size.
func (r *Redactor) body(h *replay.Header, b []byte, size *int64) []byte {
	if len(b) == 0 {
		return b
	}
	coding := strings.TrimSpace(h.Get("Content-Encoding"))
	coded := coding != "" && !strings.EqualFold(coding, "identity")
	mediaType, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	kind := formOf(mediaType)
	if coded && kind == other && opaque(mediaType) {
		return r.keepOther(b) // an image in gzip: nothing a rule could see
	}
	plain := b
	if coded {
		var err error
		if plain, err = decode(coding, b); err != nil {
			if kind == other && named(mediaType) {
				return r.keepOther(b)
			}
			return r.drop()
		}
	}
	if kind == other && looksLikeJSON(plain) && !opaque(mediaType) {
		kind = jsonForm
	}
	redacted, changed, err := r.formed(kind, plain, params["boundary"])
	switch {
	case err != nil:
		return r.drop()
	case kind == other:
		return r.keepOther(b)
	case !changed:
		return b
	}
	cut := *size > int64(len(b)) // a truncated body stays one
	if coded {
		h.Del("Content-Encoding")
	}
	for _, digest := range []string{"Content-MD5", "Digest", "Content-Digest", "Repr-Digest"} {
		h.Del(digest)
	}
	length(h, len(redacted))
	*size = int64(len(redacted))
	if cut {
		*size++
	}
	return redacted
}

// formed applies the rules of one form.
func (r *Redactor) formed(kind form, b []byte, boundary string) (redacted []byte, changed bool, err error) {
	switch kind {
	case jsonForm:
		if len(r.paths) == 0 {
			return b, false, nil
		}
		return r.json(b)
	case urlForm:
		s := r.pairs(string(b), r.form)
		return []byte(s), s != string(b), nil
	case multipartForm:
		return b, false, r.parts(b, boundary)
	}
	return b, false, nil
}

func (r *Redactor) drop() []byte {
	r.dropped.Add(1)
	return nil
}

func (r *Redactor) keepOther(b []byte) []byte {
	if r.dropOther {
		return r.drop()
	}
	return b
}

var errSecretPart = errors.New("a part is secret")

// parts fails when a part of a multipart body has a secret name, or when they cannot be told
// apart: such a body is dropped as a whole.
func (r *Redactor) parts(b []byte, boundary string) error {
	if boundary == "" {
		return errors.New("multipart without boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(b), boundary)
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if name := leaf(p.FormName()); r.form.has(name) {
			return errSecretPart
		}
	}
}

func formOf(mediaType string) form {
	switch {
	case mediaType == "application/json", strings.HasSuffix(mediaType, "+json"), strings.HasSuffix(mediaType, "/json"),
		strings.Contains(mediaType, "ndjson"), strings.Contains(mediaType, "json-seq"), strings.Contains(mediaType, "jsonl"):
		return jsonForm
	case mediaType == "application/x-www-form-urlencoded":
		return urlForm
	case mediaType == "multipart/form-data":
		return multipartForm
	}
	return other
}

// opaque reports whether a type is known to hold no fields.
func opaque(mediaType string) bool {
	top, _, _ := strings.Cut(mediaType, "/")
	return top == "image" || top == "video" || top == "audio" || top == "font"
}

// named reports whether a type says what the body is; text/plain may be anything.
func named(mediaType string) bool {
	return mediaType != "" && mediaType != "text/plain" && mediaType != "application/octet-stream"
}

func looksLikeJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != '{' && b[0] != '[' {
		return false
	}
	// An unlabelled text that starts with a bracket is JSON only if a string, a bracket or a
	// number follows.
	rest := bytes.TrimLeft(b[1:], " \t\r\n")
	return len(rest) > 0 && bytes.IndexByte([]byte(`"{}[]-0123456789tfn`), rest[0]) >= 0
}

// decode undoes one content coding, within bounds.
func decode(coding string, b []byte) ([]byte, error) {
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
		if z, err = zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(decodedMax)); err == nil {
			defer z.Close()
			in = z
		}
	default:
		return nil, fmt.Errorf("unknown content coding %q", coding)
	}
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(in, decodedMax+1))
	if err == nil && len(plain) > decodedMax {
		err = fmt.Errorf("unfolds to more than %d bytes", decodedMax)
	}
	return plain, err
}
