package replay

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	gameday "github.com/gameday-dev/gameday"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Results writes one record per request in an encoding of vegeta, so that `vegeta report`, `vegeta plot` and
// `vegeta encode` read it. Timestamps are the due times and latencies count from there. The order is that
// of due times, numbered from 0 without a gap. What was due but never sent is a record with code 0 and the
// error "unsent"; what was skipped by policy has none.
type Results struct {
	encode vegeta.Encoder
	start  time.Time
	base   string // of URLs
	attack string
	seq    uint64
	last   time.Time
	header map[string]http.Header // of records, by flow
}

// NewResults writes to w as encoding says: gob, json or csv. It does not buffer and does not close.
func NewResults(w io.Writer, encoding string) (*Results, error) {
	switch encoding {
	case "gob":
		return &Results{encode: vegeta.NewEncoder(w)}, nil
	case "json":
		return &Results{encode: vegeta.NewJSONEncoder(w)}, nil
	case "csv":
		return &Results{encode: vegeta.NewCSVEncoder(w)}, nil
	}
	return nil, fmt.Errorf("encoding of results %q: unknown; one of gob, json, csv", encoding)
}

// begin fixes what all records share.
func (w *Results) begin(start time.Time, base, attack string) {
	if w != nil {
		w.start, w.base, w.attack = start.Round(0), base, attack
	}
}

// add writes the records of one second, in the order of due times.
func (w *Results) add(records []*record, flows []gameday.Flow) error {
	if w == nil {
		return nil
	}
	for _, r := range records {
		if r.fate == skipped {
			continue
		}
		if err := w.write(r, flows[r.flow].Name); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	return nil
}

// flow returns the header that says of which flow a request was: one for all of them, which nobody changes.
func (w *Results) flow(name string) http.Header {
	h, known := w.header[name]
	if !known {
		if w.header == nil {
			w.header = make(map[string]http.Header)
		}
		h = http.Header{"X-Gameday-Flow": {name}}
		w.header[name] = h
	}
	return h
}

func (w *Results) write(r *record, flow string) error {
	at := w.start.Add(r.due)
	if at.Before(w.last) { // a retry may be folded one second late
		at = w.last
	}
	w.last = at
	result := vegeta.Result{
		Attack: w.attack, Seq: w.seq, Timestamp: at, Latency: r.latency(), Code: uint16(r.code),
		BytesOut: uint64(r.out), BytesIn: uint64(r.in), Method: r.method, URL: w.base + r.path,
		Headers: w.flow(flow),
	}
	w.seq++
	switch {
	case r.fate == unsent:
		result.Error = strings.TrimSpace("unsent: " + r.cause)
	case !succeeded(r.class) && r.cause == "":
		result.Error = string(r.class)
	case !succeeded(r.class):
		result.Error = r.cause
	}
	return w.encode(&result)
}
