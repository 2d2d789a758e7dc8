package replay

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// A request is a recorded request made ready to be sent by any copy of its session.
type request struct {
	// What a shard asks of every request stands together: thousands wait for their turn at the limit, and none of them is in
	// the processor's cache when it comes.
	flow       int
	recorded   int     // status; 0 when none was seen
	weight     int64   // about how many bytes all this takes
	script     *script // of the conversation that it begins; nil when it begins none
	stream     *stream // its messages one by one; nil where they are sent at once
	skip       string
	rpc        rpcStatus // recorded; 0 when it is not gRPC
	h2         h2Need
	resendable bool // may be sent twice: safe, or with an idempotency key
	hasBody    bool
	live       bool // something in it has to be answered first

	head, body   text      // head: request line and headers, but for those that are added at the end
	captures     []capture // values of the answer that later requests may need
	ack          string    // JSON path of the acknowledged id
	watched      *Exchange // that it was made of, if somebody looks at answers
	method, path string    // the path without its query
	host         string    // that it carries; that of the target when empty
	conn         uint64    // recorded; 0 when nobody knows
	on           occasion  // on the tape
	admits       string    // its flow, where it is not sent for its effects and the recorded answer has values for later requests
	licence      *licence  // to go wherever the system says; nil when it needs none
}

// h2Need says whether a request is sent over HTTP/2.
type h2Need uint8

const (
	h2No   h2Need = iota
	h2May         // it was recorded so: where the target speaks it
	h2Must        // it means nothing over HTTP/1.1, or that is what the user wants
)

// keeps reports whether header and body of the answer are of interest.
func (r *request) keeps() bool { return len(r.captures) > 0 || r.ack != "" || r.watched != nil }

// The reasons for not sending a request.
const (
	skipUnsafe    = gameday.SkipUnsafe
	skipBusy      = gameday.SkipBusy
	skipBarren    = gameday.SkipNoValue
	skipCapped    = "rate cap"
	skipTruncated = "body not on the tape"
	skipMalformed = "malformed request"
	skipUpgrade   = "protocol upgrade"
	skipCrowd     = "too many conversations"
	skipReplayed  = "recorded from a replay"
	skipStopped   = "run stopped"
)

// An editor makes requests of exchanges, by the rules of the plan.
type editor struct {
	routes   routes
	allowed  []route // of requests with effects
	identity []string
	rewrites []rewrite
	binders  []binder
	ackFlow  int
	ackID    string
	host     string                                                   // of the target
	prefix   string                                                   // of every path there
	http2    bool                                                     // all requests
	speed    float64                                                  // of the plan
	speaks   bool                                                     // messages can follow a handshake
	watched  bool                                                     // by somebody who looks at answers
	ownHost  bool                                                     // requests keep the host that they were recorded with
	shift    func(value string, at, due time.Duration) (string, bool) // moves times; may be nil
	hand     inHand
	names    *headings
	lines    []heading // of the header of the exchange in hand, made once
	sort     sorter    // the method sorted, made once
	composer composer
}

// inHand is the exchange that an editor makes a request of, and what it goes by.
type inHand struct {
	x      *Exchange
	due    time.Duration
	lesson *lesson
	active []*binder
	has    heading // of all its header lines
	key    string  // idempotency key; empty without one
	deaf   bool    // nothing was or will be learnt in its session
}

type rewrite struct {
	route
	gameday.Rewrite
	re *regexp.Regexp // of URL or Match
}

func newEditor(c Config, r routes, host, prefix string) *editor {
	e := &editor{names: new(headings), speed: c.Traffic.Speed, routes: r, allowed: allowances(c.Traffic.Unsafe), identity: c.Traffic.Identity, ackFlow: -1, host: host, prefix: prefix, http2: c.HTTP2}
	for _, w := range c.Traffic.Rewrite {
		e.rewrites = append(e.rewrites, rewrite{route: route{w.Method, w.Path}, Rewrite: w})
	}
	e.ownHost = c.OwnHost
	e.watched = c.Watch != nil || c.Middleware != nil
	e.binders = newBinders(c.Traffic.Bind)
	e.sort = e.sorted
	if flow, ok := r.index(c.Ack.Flow); ok && c.Ack.ID != "" {
		e.ackFlow, e.ackID = flow, c.Ack.ID
	}
	return e
}

// request makes the request of x, which is due then, and takes the lesson that x holds for its session.
func (e *editor) request(x *Exchange, due time.Duration, l *lesson) *request {
	has := e.read(x.Header)
	r := e.outline(x, e.reason(x, has))
	if r.skip != "" {
		if r.skip == skipUnsafe && len(new(lesson).learn(x, e.names)) > 0 {
			r.admits = e.routes.flows[r.flow].Name
		}
		return r
	}
	e.hand = inHand{
		x: x, due: due, lesson: l, active: e.binding(x, l), has: has,
		deaf: (x.Response == nil || x.ShapeOnly) && len(l.known) == 0,
	}
	if has&ofKey != 0 {
		e.hand.key = x.Header.Get("Idempotency-Key")
	}
	r.resendable = safe(x.Method) || has&ofKey != 0
	e.protocol(r, x)
	e.compose(r, x)
	r.live = r.head.needsLive() || r.body.needsLive()
	r.licence = e.licence(r)
	r.captures = e.learnByHand(l.learn(x, e.names), x, l)
	if e.watched {
		r.watched = x
	}
	if r.flow == e.ackFlow {
		r.ack = e.ackID
	}
	r.weight = int64(r.size())
	if e.watched && x.Response != nil {
		r.weight += int64(len(x.Body) + len(x.Response.Body))
	}
	return r
}

// outline makes what the accounts need of the request of x. With a reason to skip it that is all there will be.
func (e *editor) outline(x *Exchange, skip string) *request {
	path, _, _ := strings.Cut(x.Target, "?")
	// What stays on the record must not hold the exchange.
	r := &request{conn: x.Conn, on: occasionOf(x), method: verb(x.Method), path: strings.Clone(path), flow: e.routes.find(x.Method, x.Target), skip: skip}
	if x.Response != nil {
		r.recorded = x.Response.Status
	}
	if e.ownHost && isHost(x.Host) {
		r.host = x.Host
	}
	return r
}

// verb returns a method, of which there are few.
func verb(method string) string {
	for _, known := range [...]string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"} {
		if method == known {
			return known
		}
	}
	return strings.Clone(method)
}

// protocol decides what r is sent over.
func (e *editor) protocol(r *request, x *Exchange) {
	if strings.HasPrefix(x.Proto, "HTTP/2") {
		r.h2 = h2May
	}
	if strings.HasPrefix(e.hand.contentType(), "application/grpc") {
		r.h2, r.rpc = h2Must, rpcUnseen
		if x.Response != nil {
			r.rpc = cmp.Or(readRPC(x.Response.Trailer.Get("Grpc-Status")), readRPC(x.Response.Header.Get("Grpc-Status")), rpcUnseen)
		}
		r.stream = streamOf(x, e.speed)
	}
	if e.http2 {
		r.h2 = h2Must
	}
}

// sorted is the sorter of the exchange in hand: it recognises what the session knows, its present idempotency key, and
// times. Rules by hand come first.
func (e *editor) sorted(at spot, value string, code coding) (part, bool) {
	h := &e.hand
	for _, b := range h.active {
		if b.fits(at) {
			return part{live, code, b.key}, true
		}
	}
	switch {
	case h.key != "" && value == h.key:
		return part{rekeyed, code, value}, true
	case !h.deaf && h.lesson.recognise(value):
		return part{live, code, value}, true
	case e.shift == nil:
		return part{}, false
	}
	now, ok := e.shift(value, h.x.At, h.due)
	return part{literal, code, now}, ok && code.accepts(now)
}

// contentType is that of the body.
func (h *inHand) contentType() string {
	if h.has&ofType == 0 {
		return ""
	}
	return h.x.Header.Get("Content-Type")
}

// read looks at the names of header lines, and returns what they are together.
func (e *editor) read(lines Header) (has heading) {
	e.lines = e.lines[:0]
	for i := range lines {
		h := e.names.of(lines[i].Name)
		e.lines, has = append(e.lines, h), has|h
	}
	return has
}

// reason returns why x cannot be sent, of whose header lines that is known; "" when it can.
func (e *editor) reason(x *Exchange, has heading) string {
	switch {
	case !isToken(x.Method) || !isTarget(x.Target):
		return skipMalformed
	case x.Method == "CONNECT" || has&ofUpgrade != 0 && !strings.EqualFold(x.Header.Get("Upgrade"), "h2c") && !(e.speaks && begins(x)):
		return skipUpgrade
	case has&ofReplay != 0:
		return skipReplayed // or a capture beside a replay would feed the next one
	case !safe(x.Method) && !allow(e.allowed, x.Method, x.Target):
		return skipUnsafe
	case x.Truncated():
		return skipTruncated
	case has&misnamed != 0:
		return skipMalformed
	}
	for i := range x.Header {
		if !isFieldValue(x.Header[i].Value) {
			return skipMalformed
		}
	}
	return ""
}

// isHost reports whether text can stand in a Host header.
func isHost(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\@?#"<>`, r) })
}

// isToken reports whether text can be a method or the name of a header.
func isToken(text string) bool { return text != "" && tokenChars.all(text) }

func isTarget(text string) bool {
	return text != "" && (text[0] == '/' || text == "*") && targetChars.all(text)
}

func (e *editor) compose(r *request, x *Exchange) {
	c, sort := &e.composer, e.sort
	c.lit(x.Method, " ", e.prefix)
	c.target(x.Target, sort)
	c.lit(" HTTP/1.1\r\nHost: ", cmp.Or(r.host, e.host), "\r\n")
	set := e.headers(x)
	for i := range x.Header {
		f, is := &x.Header[i], e.lines[i]
		if is&ofHop != 0 || replaces(set, f.Name) || e.speaks && is&ofConversation != 0 {
			continue
		}
		c.lit(f.Name, ": ")
		if is&ofCookie != 0 {
			c.cookies(f.Value, sort)
		} else {
			c.header(f.Name, f.Value, sort)
		}
		c.lit("\r\n")
	}
	if e.speaks && begins(x) {
		c.lit("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
	}
	if len(set) > 0 {
		c.set(set)
	}
	r.head = c.text()
	r.hasBody = len(x.Body) > 0 || !safe(x.Method)
	switch {
	case len(x.Body) == 0:
	case c.json(x.Body, sort, e.edits(x, e.hand.active)):
		r.body = c.text()
	case strings.HasPrefix(e.hand.contentType(), "application/x-www-form-urlencoded") && len(x.Body) <= maxJSON:
		c.form(inForm, string(x.Body), sort)
		r.body = c.text()
	default:
		r.body = text{part{value: string(x.Body)}}
	}
}

// replaces reports whether a header is among those that are set anew.
func replaces(set map[string]text, name string) bool {
	if len(set) == 0 {
		return false
	}
	_, replaced := set[strings.ToLower(name)]
	return replaced
}

// set adds headers, in the order of their names.
func (c *composer) set(headers map[string]text) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		c.lit(textproto.CanonicalMIMEHeaderKey(name), ": ")
		for _, p := range headers[name] {
			c.add(p)
		}
		c.lit("\r\n")
	}
}

// headers returns the headers that are set anew for x, by name in lower case. Of two rules for one header
// the last counts.
func (e *editor) headers(x *Exchange) map[string]text {
	var set map[string]text
	for _, w := range e.rewrites {
		if w.Header != "" && w.Match == "" && w.match(x.Method, x.Target) {
			if set == nil {
				set = make(map[string]text)
			}
			set[strings.ToLower(w.Header)] = template(w.Value, x, plain, e.identity)
		}
	}
	return set
}

// edits says what replaces the fields of the body of x: fields set anew, those that rules bind, and names of users. It is
// nil when nothing does.
func (e *editor) edits(x *Exchange, active []*binder) func(path string, code coding) text {
	var rules []rewrite
	for _, w := range e.rewrites {
		if w.JSON != "" && w.match(x.Method, x.Target) {
			rules = append(rules, w)
		}
	}
	if len(rules)+len(active)+len(e.identity) == 0 {
		return nil
	}
	return func(path string, code coding) text {
		for _, w := range slices.Backward(rules) {
			if w.JSON == path {
				return template(w.Value, x, code, e.identity)
			}
		}
		for _, b := range active {
			if b.path == path {
				return text{{live, code, b.key}}
			}
		}
		if code == quoted && slices.Contains(e.identity, path) {
			if value, ok := lookJSON(x.Body, path); ok {
				return text{{renamed, quoted, value}}
			}
		}
		return nil
	}
}

// template resolves ${$.path} in the value of a rule. A field that the body does not have is empty; one that names a
// user is named anew for each copy of a session.
func template(value string, x *Exchange, code coding, names []string) text {
	var t text
	for {
		before, rest, ok := strings.Cut(value, "${")
		path, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return append(t, part{literal, code, value})
		}
		t = append(t, part{literal, code, before})
		field, _ := lookJSON(x.Body, path)
		k := literal
		if slices.Contains(names, path) {
			k = renamed
		}
		t = append(t, part{k, code, field})
		value = after
	}
}

// A trace identifies one sent request.
type trace [2]uint64

// id returns the trace id of W3C Trace Context.
func (t trace) id() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], t[0])
	binary.BigEndian.PutUint64(b[8:], t[1]|1) // all zeros would be invalid
	return hex.EncodeToString(b[:])
}

// write appends the request as who sends it, stamped, and returns how many live values were missing.
func (r *request) write(to []byte, st *stamp, t tag, who identity, known values) (_ []byte, missing int) {
	known = r.licence.within(known, r.method)
	to, missing = r.head.append(to, who, known)
	if r.hasBody {
		var length, n int
		var body []byte
		if r.body.fixed() {
			for _, p := range r.body {
				length += len(p.value)
			}
		} else {
			body, n = r.body.append(nil, who, known)
			length = len(body)
			missing += n
		}
		to = append(strconv.AppendInt(append(to, "Content-Length: "...), int64(length), 10), "\r\n"...)
		to = st.append(to, t, r.method, r.host)
		if body == nil {
			to, _ = r.body.append(to, who, nil)
			return to, missing
		}
		return append(to, body...), missing
	}
	return st.append(to, t, r.method, r.host), missing
}

// lacks reports whether values of the live system are missing.
func (r *request) lacks(known values) (p part, missing bool) {
	if !r.live {
		return part{}, false
	}
	known = r.licence.within(known, r.method)
	if p, missing = r.head.lacks(known); !missing {
		p, missing = r.body.lacks(known)
	}
	return p, missing
}

// size returns about how long the request will be.
func (r *request) size() int {
	n := 512
	for _, t := range []text{r.head, r.body} {
		for _, p := range t {
			n += len(p.value)
		}
	}
	return n
}
