package capture

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gameday-dev/gameday/replay"
)

// FormatK6 is a script for k6. It is written only.
const FormatK6 Format = "k6"

// Exports lists the formats that are written.
func Exports() []Format { return []Format{FormatGor, FormatHAR, FormatVegeta, FormatK6} }

// ExportOptions shape what is written. The zero value works.
type ExportOptions struct {
	Start time.Time // wall time of offset zero; the zero of Unix time when it is not known
	Base  string    // of URLs: "http://127.0.0.1:8080"; empty means http:// and the recorded host
	Tool  string    // what writes, with its version
}

// An Exporter is a Recorder that writes what another tool reads. Exchanges come in order of
// time. An error that is ErrUnfit leaves one exchange out, every other error is final.
type Exporter interface {
	replay.Recorder
	// Close ends what is written. It does not close the writer below.
	io.Closer
}

// ErrUnfit is why an exchange cannot be written in a format. Everything else can be.
var ErrUnfit = errors.New("cannot be written")

// Unfit is an ErrUnfit with a cause that can be counted.
type Unfit struct{ Cause string }

func (u Unfit) Error() string { return u.Cause }

// Is makes it an ErrUnfit.
func (u Unfit) Is(target error) bool { return target == ErrUnfit }

// Causes of Unfit.
const (
	UnfitBody    = "body not recorded in full"
	UnfitUpgrade = "protocol upgrade"
	UnfitCall    = "call of gRPC" // for which k6 has another client
)

// NewExporter writes to w in a format of Exports.
func NewExporter(w io.Writer, f Format, o ExportOptions) (Exporter, error) {
	if o.Start.IsZero() {
		o.Start = time.Unix(0, 0)
	}
	switch f {
	case FormatGor:
		return NewGorWriter(w, o.Start), nil
	case FormatHAR:
		return newHARWriter(w, o), nil
	case FormatVegeta:
		return newVegetaWriter(w, o), nil
	case FormatK6:
		return newK6Writer(w, o), nil
	}
	return nil, fmt.Errorf("export: format %q: unknown; one of %v", f, Exports())
}

// url is where a request went.
func (o ExportOptions) url(x *replay.Exchange) string {
	if _, _, ok := splitURL(x.Target); ok { // as a proxy is asked
		return x.Target
	}
	base := strings.TrimSuffix(o.Base, "/")
	if base == "" {
		base = "http://" + x.Host
		if x.Host == "" {
			base = "http://localhost"
		}
	}
	if !strings.HasPrefix(x.Target, "/") {
		return base + "/" + x.Target
	}
	return base + x.Target
}

// sendable fails for requests that a list of requests to send cannot hold.
func sendable(x *replay.Exchange) error {
	switch {
	case x.Truncated():
		return Unfit{UnfitBody}
	case x.Header.Has("Upgrade") && !strings.EqualFold(x.Header.Get("Upgrade"), "h2c") || x.Method == "CONNECT":
		return Unfit{UnfitUpgrade}
	}
	return nil
}

// endToEnd leaves out the header lines that the next sender sets itself.
func endToEnd(h replay.Header) replay.Header {
	var kept replay.Header
	for _, f := range h {
		if !slices.Contains([]string{
			"connection", "content-length", "host", "http2-settings", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
		}, strings.ToLower(f.Name)) {
			kept = append(kept, f)
		}
	}
	return kept
}

// isText reports whether a body can stand in a text file as it is.
func isText(b []byte) bool {
	return utf8.Valid(b) && !slices.ContainsFunc(b, func(c byte) bool {
		return c < ' ' && c != '\t' && c != '\n' && c != '\r'
	})
}
