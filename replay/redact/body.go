package redact

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/gameday-dev/gameday/replay"
)

// form is what a body is to the rules.
type form int

const (
	other form = iota
	jsonForm
	urlForm
	multipartForm
)

// body returns what may be stored of a body, and corrects the header lines and the size.
func (p *pass) body(h *replay.Header, b []byte, size *int64) []byte {
	if len(b) == 0 {
		return b
	}
	coding := strings.TrimSpace(h.Get("Content-Encoding"))
	coded := coding != "" && !strings.EqualFold(coding, "identity")
	media := p.mediaOf(h.Get("Content-Type"))
	kind := media.form
	if kind == other && media.opaque {
		return p.keepOther(b) // an image, in whatever coding: nothing a rule could see
	}
	plain := b
	if coded {
		var err error
		if plain, err = replay.Decode(coding, b); err != nil {
			return p.drop()
		}
	}
	if kind == other && looksLikeJSON(plain) {
		kind = jsonForm
	}
	redacted, changed, err := p.formed(kind, plain, media.boundary)
	switch {
	case err != nil:
		return p.drop()
	case kind == other && p.dropOther:
		return p.drop()
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
func (p *pass) formed(kind form, b []byte, boundary string) (redacted []byte, changed bool, err error) {
	switch kind {
	case jsonForm:
		return p.json(b)
	case urlForm:
		redacted, changed = replaced(b, func(s string) string { return p.pairs(s, p.form) })
		return redacted, changed, nil
	case multipartForm:
		if err := p.parts(b, boundary); err != nil {
			return nil, false, err
		}
		redacted, changed = replaced(b, p.text)
		return redacted, changed, nil
	}
	if !utf8.Valid(b) {
		return b, false, nil // no text
	}
	redacted, changed = replaced(b, func(s string) string { return p.text(p.named(s)) })
	return redacted, changed, nil
}

// replaced applies a rule to a text.
func replaced(b []byte, by func(string) string) (redacted []byte, changed bool) {
	before := view(b)
	after := by(before)
	if after == before {
		return b, false
	}
	return []byte(after), true
}

// view is a body as a string, which is good until the body changes: nothing that redaction leaves behind may be a part of it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// media is what a Content-Type makes of a body.
type media struct {
	line     string
	form     form
	opaque   bool
	boundary string
}

// Content types that came lately are known, one of each length; their zero value is that of no type.
const (
	mediaMax  = 64
	mediaText = 256 // bytes of one that is kept
)

// mediaOf looks into a Content-Type.
func (p *pass) mediaOf(line string) media {
	known := &p.media[len(line)%mediaMax]
	if known.line == line {
		return *known
	}
	mediaType, boundary := contentType(line)
	m := media{line, formOf(mediaType), opaque(mediaType), boundary}
	if len(line) <= mediaText {
		m.line, m.boundary = strings.Clone(line), strings.Clone(boundary) // lest they keep a whole header
		*known = m
	}
	return m
}

// contentType takes a header line apart; most have no parameters.
func contentType(line string) (mediaType, boundary string) {
	if !strings.Contains(line, ";") {
		return strings.ToLower(strings.TrimSpace(line)), ""
	}
	mediaType, params, _ := mime.ParseMediaType(line)
	return mediaType, params["boundary"]
}

func (p *pass) drop() []byte {
	p.dropped.Add(1)
	if p.found != nil {
		p.found(unreadable, strings.Join(p.place, " "), "")
	}
	return nil
}

func (p *pass) keepOther(b []byte) []byte {
	if p.dropOther {
		return p.drop()
	}
	return b
}

var errSecretPart = errors.New("a part is secret")

// parts fails when a part of a multipart body has a secret name, or when they cannot be told
// apart: such a body is dropped as a whole.
func (p *pass) parts(b []byte, boundary string) error {
	if boundary == "" {
		return errors.New("multipart without boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(b), boundary)
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if name := leaf(part.FormName()); p.form.has(name) {
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
