package capture

import (
	"container/list"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// harWriter writes an HTTP archive (HAR 1.2), entry by entry. Bodies are written without their
// content coding, as browsers do, where it is known. The messages of a WebSocket are a part of its entry.
type harWriter struct {
	o       ExportOptions
	w       io.Writer
	entries int

	waiting list.List            // *harDraft, in order
	held    int                  // bytes of these
	talks   map[uint64]*harDraft // those that messages may still come for, by the number of the exchange

	settled, settledBytes int // of those that wait, what does not talk
}

var _ replay.Messenger = (*harWriter)(nil)

func newHARWriter(w io.Writer, o ExportOptions) *harWriter {
	return &harWriter{o: o, w: w, talks: make(map[uint64]*harDraft)}
}

// Record writes one entry, or has it wait for its messages, or for those of entries before it.
func (h *harWriter) Record(x *replay.Exchange) error {
	if err := h.draft(x); err != nil {
		return fmt.Errorf("write HAR: exchange %d: %w", x.Seq, err)
	}
	return nil
}

func (h *harWriter) write(d *harDraft) error {
	if err := h.separate(); err != nil {
		return err
	}
	b, err := json.Marshal(d.entry)
	if err == nil {
		_, err = h.w.Write(b)
	}
	h.entries++
	return err
}

// separate writes what stands before an entry.
func (h *harWriter) separate() error {
	if h.entries > 0 {
		_, err := io.WriteString(h.w, ",\n")
		return err
	}
	name, version, _ := strings.Cut(h.o.Tool, " ")
	if name == "" {
		name = "gameday"
	}
	creator, err := json.Marshal(map[string]string{"name": name, "version": version})
	if err == nil {
		_, err = fmt.Fprintf(h.w, "{\"log\":{\"version\":\"1.2\",\"creator\":%s,\"entries\":[\n", creator)
	}
	return err
}

// Close ends the archive. One without entries is an archive too.
func (h *harWriter) Close() error {
	for at := h.waiting.Front(); at != nil; at = at.Next() {
		if d := at.Value.(*harDraft); d.talks {
			h.settle(d)
		}
	}
	if err := h.flush(); err != nil {
		return fmt.Errorf("write HAR: %w", err)
	}
	if h.entries == 0 {
		if err := h.separate(); err != nil {
			return fmt.Errorf("write HAR: %w", err)
		}
	}
	if _, err := io.WriteString(h.w, "\n]}}\n"); err != nil {
		return fmt.Errorf("write HAR: %w", err)
	}
	return nil
}

func (h *harWriter) entry(x *replay.Exchange) harEntry {
	e := harEntry{
		Started: h.o.Start.Add(x.At).UTC(),
		Request: harRequest{
			Method: x.Method, URL: h.o.url(x), HTTPVersion: httpVersion(x.Proto), Headers: harPairs(x.Header), Cookies: []harPair{},
			QueryString: harQuery(x.Target), HeadersSize: -1, BodySize: x.Size,
		},
		Response: harResponse{HTTPVersion: httpVersion(x.Proto), Headers: []harPair{}, Cookies: []harPair{}, HeadersSize: -1, BodySize: -1},
		Timings:  harTimings{Send: inMillis(x.Upload)},
	}
	if x.Host != "" {
		e.Request.Headers = append([]harPair{{"Host", x.Host}}, e.Request.Headers...)
	}
	if e.Connection = x.Session; x.Conn != 0 { // a session without a connection survives as one
		e.Connection = fmt.Sprint(x.Conn)
	}
	if len(x.Body) > 0 {
		text, encoding := harBody(x.Body)
		e.Request.PostData = &harPostData{MimeType: x.Header.Get("Content-Type"), Text: text, Encoding: encoding}
		if x.Truncated() {
			e.Request.PostData.Comment = UnfitBody
		}
	}
	if r := x.Response; r != nil {
		e.Time = inMillis(r.Duration)
		e.Timings.Wait = max(0, inMillis(r.FirstByte)-e.Timings.Send)
		e.Timings.Receive = inMillis(r.Duration - r.FirstByte)
		e.Response = harResponse{
			Status: r.Status, StatusText: http.StatusText(r.Status), HTTPVersion: httpVersion(x.Proto), Headers: harPairs(r.Header), Cookies: []harPair{},
			RedirectURL: r.Header.Get("Location"), HeadersSize: -1, BodySize: r.Size, Content: harBodyOf(r),
		}
	}
	return e
}

func harBodyOf(r *replay.Response) harContent {
	c := harContent{Size: r.Size, MimeType: r.Header.Get("Content-Type")}
	body := r.Body
	if coding := r.Header.Get("Content-Encoding"); coding != "" && len(body) > 0 {
		c.Comment = coded
		if plain, err := replay.Decode(coding, body); err == nil && !r.Truncated() {
			body, c.Comment, c.Size = plain, "", int64(len(plain))
		}
	}
	c.Text, c.Encoding = harBody(body)
	return c
}

func harBody(b []byte) (text, encoding string) {
	if isText(b) {
		return string(b), ""
	}
	return base64Of(b), "base64"
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func harPairs(h replay.Header) []harPair {
	pairs := make([]harPair, len(h))
	for i, f := range h {
		pairs[i] = harPair(f)
	}
	return pairs
}

// harQuery lists the parameters of a target. Odd ones are listed as they stand.
func harQuery(target string) []harPair {
	pairs := []harPair{}
	_, query, _ := strings.Cut(target, "?")
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, harPair{unescaped(name), unescaped(value)})
	}
	return pairs
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func httpVersion(proto string) string {
	if proto == "" {
		return "HTTP/1.1"
	}
	return proto
}

func inMillis(d time.Duration) float64 { return float64(d) / 1e6 }
