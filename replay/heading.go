package replay

import (
	"strings"

	"github.com/gameday-dev/gameday/internal/mark"
)

// A heading is what the name of a header line says of it to an editor; those of all lines of a message may
// be joined.
type heading uint16

const (
	misnamed       heading = 1 << iota // it is no name
	ofHop                              // of a connection, or one that the player sets itself
	ofCookie                           // Cookie
	ofUpgrade                          // Upgrade
	ofKey                              // Idempotency-Key
	ofType                             // Content-Type
	ofReplay                           // of a request that is a replay already
	ofConversation                     // of the handshake of the recorded connection
	ofHandout                          // of a response: what it says may be wanted back
)

// headingOf looks at a name.
func headingOf(name string) (h heading) {
	is := func(yes bool, what heading) {
		if yes {
			h |= what
		}
	}
	is(!isToken(name), misnamed)
	is(isHop(name), ofHop)
	is(strings.EqualFold(name, "Cookie"), ofCookie)
	is(strings.EqualFold(name, "Upgrade"), ofUpgrade)
	is(strings.EqualFold(name, "Idempotency-Key"), ofKey)
	is(strings.EqualFold(name, "Content-Type"), ofType)
	is(strings.EqualFold(name, mark.Colour) || strings.EqualFold(name, mark.Header), ofReplay)
	is(isHandshake(name), ofConversation)
	is(strings.EqualFold(name, "Set-Cookie") || strings.EqualFold(name, "Location") || strings.EqualFold(name, "Authorization") || isCredential(name), ofHandout)
	return h
}

// headings remember the names that were met: there are few, and every line of every request has one. A name whose place is
// taken is looked at anew each time.
type headings [512]struct {
	name string
	heading
}

// of is headingOf.
func (all *headings) of(name string) heading {
	if name == "" || len(name) > maxHeading {
		return headingOf(name)
	}
	n := len(name)
	known := &all[(n*131+int(name[0])*31+int(name[n/2])*17+int(name[n-1]))%len(all)]
	if known.name == name {
		return known.heading
	}
	h := headingOf(name)
	if known.name == "" {
		known.name, known.heading = strings.Clone(name), h // without the record that it stands in
	}
	return h
}

// maxHeading bounds the names that are remembered, in bytes.
const maxHeading = 64

// isHop reports whether a header belongs to a connection, or is one that the player sets itself.
func isHop(name string) bool {
	if len(name) >= len(hop) {
		return false
	}
	for _, known := range hop[len(name)] {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

// hop is the table of isHop, by length.
var hop = [...][]string{
	2: {"te"}, 4: {"host"}, 6: {"expect"}, 7: {"trailer", "upgrade"}, 10: {"connection", "keep-alive", "tracestate"}, 11: {"traceparent"},
	14: {"content-length", "http2-settings", "x-gameday-mark"}, 16: {"proxy-connection", "x-gameday-replay"},
	17: {"transfer-encoding"}, 18: {"proxy-authenticate"}, 19: {"proxy-authorization"},
}
