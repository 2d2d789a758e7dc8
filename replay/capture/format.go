package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// A Format is a kind of file that other tools write.
type Format string

// The formats that are read.
const (
	FormatGor      Format = "gor"          // goreplay
	FormatHAR      Format = "har"          // HTTP archive 1.2: browsers, proxies
	FormatEnvoyTap Format = "envoy-tap"    // Envoy's HTTP tap as JSON
	FormatVegeta   Format = "vegeta"       // vegeta's targets, one JSON object per line
	FormatTargets  Format = "vegeta-http"  // vegeta's targets as text
	FormatCombined Format = "combined"     // access log: common and combined format
	FormatALB      Format = "alb"          // access log of an AWS application load balancer
	FormatEnvoy    Format = "envoy-access" // access log: Envoy's default
	FormatNginx    Format = "nginx"        // access log of a layout that ImportOptions.Layout describes
)

// Formats lists what is read.
func Formats() []Format {
	return []Format{
		FormatGor, FormatHAR, FormatEnvoyTap, FormatVegeta, FormatTargets,
		FormatCombined, FormatALB, FormatEnvoy, FormatNginx,
	}
}

// ShapeOnly reports whether files of the format hold no headers and no bodies.
func (f Format) ShapeOnly() bool {
	return slices.Contains([]Format{FormatCombined, FormatALB, FormatEnvoy, FormatNginx}, f)
}

// Timeless reports whether files of the format hold no times.
func (f Format) Timeless() bool { return f == FormatVegeta || f == FormatTargets }

const byteOrderMark = "\xef\xbb\xbf" // some browsers begin an archive so

const sniffed = 64 << 10 // bytes that a format must be known by

// Open imports a file, plain or gzip. Of a recording in numbered chunks (NAME_0.EXT,
// NAME_1.EXT ...) path is NAME.EXT; it may also be a pattern ("taps/*.json").
func Open(path string, o ImportOptions) (Importer, error) {
	names, err := chunks(path)
	if err != nil {
		return nil, err
	}
	all := &chain{left: names}
	in, err := read(all, path, o)
	if err != nil {
		return nil, errors.Join(err, all.Close())
	}
	in.in = all
	in.missing(names)
	return in.speaking(), nil
}

// Read imports a stream, plain or gzip; name stands in errors. Close does not close r.
func Read(r io.Reader, name string, o ImportOptions) (Importer, error) {
	in, err := read(r, name, o)
	if err != nil {
		return nil, err // not a nil importer in an interface
	}
	return in.speaking(), nil
}

// speaking is the importer in a form that has messages, where the format knows them.
func (i *importer) speaking() Importer {
	if h, ok := i.reading.(*har); ok {
		return &archive{importer: i, har: h}
	}
	return i
}

func read(r io.Reader, name string, o ImportOptions) (*importer, error) {
	f, err := unpacked(r, name)
	if err != nil {
		return nil, err
	}
	start, err := f.r.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("import %s: %w", name, err)
	}
	if bytes.HasPrefix(start, []byte(byteOrderMark)) {
		_, _ = f.r.Discard(len(byteOrderMark)) // it was peeked at
		start = start[len(byteOrderMark):]
	}
	if len(start) == 0 {
		return nil, fmt.Errorf("import %s: the file is empty", name)
	}
	if o.Format == "" && o.Layout != "" {
		o.Format = FormatNginx
	}
	if o.Format == "" {
		o.Format = detect(start)
	}
	i := &importer{o: o, format: o.Format, name: name, window: window{span: recordSpan, max: recordsHeld, bytes: bytesHeld}}
	if i.reading, err = i.begin(f); err != nil {
		return nil, fmt.Errorf("import %s: %w", name, err)
	}
	return i, nil
}

// The bounds of what waits for its turn, and its response.
const (
	recordSpan  = 30e9 // ns
	recordsHeld = 16384
	bytesHeld   = 64 << 20
)

// begin chooses the reading of the format.
func (i *importer) begin(f *file) (reading, error) {
	switch i.format {
	case FormatGor:
		return newGor(i, f), nil
	case FormatHAR:
		return newHAR(i, f), nil
	case FormatEnvoyTap:
		return newEnvoyTap(i, f)
	case FormatVegeta, FormatTargets:
		return newTargets(i, f)
	case FormatCombined, FormatALB, FormatEnvoy:
		return newAccessLog(i, f, layouts()[i.format])
	case FormatNginx:
		if i.o.Layout == "" {
			return nil, errors.New("an nginx log needs its log_format: give it as the layout")
		}
		return newAccessLog(i, f, i.o.Layout)
	}
	return nil, fmt.Errorf("format %q: unknown; one of %v", i.format, Formats())
}

var targetStart = regexp.MustCompile(`(?m)\A(?:[ \t]*(?:#.*)?\r?\n)*[A-Z]+[ \t]+(?:https?://|/)\S*[ \t]*\r?$`)

// detect tells the format by how a file starts. What nothing else claims is taken for an access
// log, whose lines say what is wrong with them.
func detect(start []byte) Format {
	if _, ok := parseGorHeader(start); ok {
		return FormatGor
	}
	if f, ok := detectJSON(start); ok {
		return f
	}
	if targetStart.Match(start) {
		return FormatTargets
	}
	lines := layouts()
	for line := range strings.Lines(string(start[:min(len(start), sniffed/4)])) {
		for _, f := range []Format{FormatALB, FormatEnvoy, FormatCombined} {
			l, err := newLayout(lines[f])
			if err != nil {
				continue
			}
			if _, err := l.parse(strings.TrimSpace(line)); err == nil {
				return f
			}
		}
	}
	return FormatCombined
}

// detectJSON looks at the first keys of an object.
func detectJSON(start []byte) (Format, bool) {
	if t := bytes.TrimSpace(start); len(t) == 0 || t[0] != '{' {
		return "", false
	}
	d := json.NewDecoder(bytes.NewReader(start))
	if _, err := d.Token(); err != nil {
		return "", false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			break
		}
		switch key {
		case "log":
			return FormatHAR, true
		case "http_buffered_trace", "http_streamed_trace_segment", "socket_buffered_trace", "socket_streamed_trace_segment":
			return FormatEnvoyTap, true
		case "method", "url", "header", "body":
			return FormatVegeta, true
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break
		}
	}
	return "", false
}

// LostChunk is the cause, in Counts.Lost, of a chunk whose number is missing between others. How
// many exchanges it held nobody knows: it counts as one.
const LostChunk = "missing chunk"

func (i *importer) missing(names []string) {
	for k := 1; k < len(names); k++ {
		for n := chunkNumber(names[k-1]) + 1; n > 0 && n < chunkNumber(names[k]) && n < chunkNumber(names[k-1])+chunksMissing; n++ {
			i.lose(LostChunk, "", fmt.Errorf("chunk %d is missing before %s", n, names[k]))
		}
	}
}

const chunksMissing = 1000 // more than that are no gap but other names
