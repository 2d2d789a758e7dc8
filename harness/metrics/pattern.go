package metrics

import (
	"bytes"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/value"
)

// patternBytes bounds the pages of which a pattern is kept.
const patternBytes = 1 << 20

// pattern is a page of metrics without its values. Little else changes on a page from one scrape to the
// next, and to find that out takes a fraction of the work of parsing it.
type pattern struct {
	contentType string
	texts       [][]byte // what stands before each value, and after the last
	series      []*kept  // of each value
}

// learn returns the pattern of a page that was parsed into the values of series. It is nil for a page with
// anything out of the ordinary, such as times or exemplars: that is for the parser, each time.
func learn(body []byte, contentType string, series []*kept, values []float64) *pattern {
	if len(body) > patternBytes || len(series) == 0 {
		return nil
	}
	p := &pattern{contentType: contentType, series: append([]*kept(nil), series...)}
	page, begin := bytes.Clone(body), 0
	for at, i := 0, 0; at < len(page) && i < len(series); {
		end := len(page)
		if n := bytes.IndexByte(page[at:], '\n'); n >= 0 {
			end = at + n
		}
		key := series[i].key
		if n := len(key); end-at > n && string(page[at:at+n]) == key && page[at+n] == ' ' {
			v, ok := plainValue(page[at+n+1 : end])
			if !ok || math.Float64bits(v) != math.Float64bits(values[i]) {
				return nil
			}
			p.texts = append(p.texts, page[begin:at+n+1])
			begin = end
			i++
		}
		at = end + 1
	}
	if len(p.texts) != len(series) {
		return nil
	}
	p.texts = append(p.texts, page[begin:])
	return p
}

// read appends the values on a page of this pattern, and reports whether it is one.
func (p *pattern) read(body []byte, contentType string, values []float64) ([]float64, bool) {
	if p == nil || contentType != p.contentType {
		return values, false
	}
	last := len(p.series)
	for _, text := range p.texts[:last] {
		rest, ok := bytes.CutPrefix(body, text)
		if !ok {
			return values, false
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		v, ok := plainValue(rest[:end])
		if !ok {
			return values, false
		}
		values, body = append(values, v), rest[end:]
	}
	return values, bytes.Equal(body, p.texts[last])
}

// plainValue reads a value as the parser does, which takes no hexadecimal floats and no underscores.
func plainValue(text []byte) (float64, bool) {
	for _, c := range text {
		if c == 'p' || c == 'P' || c == '_' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if math.IsNaN(v) {
		v = math.Float64frombits(value.NormalNaN)
	}
	return v, err == nil
}
