package capture

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gameday-dev/gameday/replay"
)

// What formats have no place for, of exchanges that they can hold otherwise. Lists of requests to send, vegeta's and scripts, hold
// neither responses nor, but for scripts, times and sessions at all: that is not among it.
const (
	UnkeptSession  = "session"                               // or the part of the connection, where that names none
	UnkeptTrailer  = "trailer"                               // header lines behind a body
	UnkeptTimes    = "times of messages"                     // of gRPC streams
	UnkeptProtocol = "HTTP/2"                                // and later ones
	UnkeptPart     = "that a body was not recorded in full"  // it is written as if it had been
	UnkeptCut      = "that the response broke off"           // it is written as if it had not
	UnkeptShape    = "that headers and bodies are not known" // see replay.Exchange.ShapeOnly
	UnkeptTarget   = "form of the target"                    // it is no path, or has a fragment
	UnkeptHost     = "absence of a host"                     // one had to be made up
	UnkeptBytes    = "bytes that are no text"                // in a header line or in the target; or a header line whose name is none
)

// Unkept says of the exchanges that an Exporter writes, in their order, what its format does not keep of them.
type Unkept struct {
	format   Format
	sessions *sessions // as an importer would name them
}

// NewUnkept is for one of Exports.
func NewUnkept(f Format) *Unkept { return &Unkept{format: f, sessions: newSessions(Sessions{})} }

// Of names what is not kept of x; nil when everything is.
func (u *Unkept) Of(x *replay.Exchange) (all []string) {
	r := x.Response
	if r == nil {
		r = new(replay.Response)
	}
	archive := u.format == FormatGor || u.format == FormatHAR // holds responses
	for _, c := range [...]struct {
		what string
		is   bool
	}{
		{UnkeptSession, archive && !u.named(x)},
		{UnkeptTrailer, u.trails(x, r)},
		{UnkeptTimes, len(x.Beats) > 0},
		{UnkeptProtocol, u.format == FormatGor && x.Proto != "" && !strings.HasPrefix(x.Proto, "HTTP/1.")},
		{UnkeptPart, u.format == FormatGor && !x.ShapeOnly && (x.Truncated() || r.Truncated())},
		{UnkeptCut, archive && r.Cut},
		{UnkeptShape, x.ShapeOnly},
		{UnkeptTarget, u.format != FormatGor && (!strings.HasPrefix(x.Target, "/") || strings.Contains(x.Target, "#"))},
		{UnkeptHost, u.format == FormatHAR && x.Host == ""},
		{UnkeptBytes, u.garbles(x, r)},
	} {
		if c.is {
			all = append(all, c.what)
		}
	}
	return all
}

// named reports whether an importer finds the session of x, if not its name.
func (u *Unkept) named(x *replay.Exchange) bool {
	known := *x
	if x.Conn == 0 && x.Session != "" {
		known.Conn = hashOf(x.Session)
	}
	name := u.sessions.name(&known)
	return name == x.Session || x.Conn == 0 && x.Session != "" && strings.HasPrefix(name, "conn-")
}

func (u *Unkept) trails(x *replay.Exchange, r *replay.Response) bool {
	switch u.format {
	case FormatGor: // chunked
		return len(r.Trailer) > 0 && bodyless(x.Method, r.Status)
	case FormatHAR:
		return len(x.Trailer)+len(r.Trailer) > 0
	}
	return len(x.Trailer) > 0
}

// garbles reports whether something of x would be written as something else.
func (u *Unkept) garbles(x *replay.Exchange, r *replay.Response) bool {
	lines := x.Header
	if u.format == FormatGor || u.format == FormatHAR {
		lines = slices.Concat(lines, r.Header, x.Trailer, r.Trailer)
	}
	garbled := func(text string) bool { return !utf8.ValidString(text) }
	if u.format == FormatGor {
		garbled = func(text string) bool { return strings.ContainsAny(text, "\r\n") || strings.TrimSpace(text) != text }
	}
	return garbled(x.Target) || garbled(x.Host) || slices.ContainsFunc(lines, func(f replay.Field) bool { return !isName(f.Name) || garbled(f.Value) })
}
