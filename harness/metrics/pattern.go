package metrics

import (
	"bytes"
	"math"
	"slices"
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
	texts, begin := [][]byte(nil), 0
	for at, i := 0, 0; at < len(body) && i < len(series); {
		end := len(body)
		if n := bytes.IndexByte(body[at:], '\n'); n >= 0 {
			end = at + n
		}
		key := series[i].key
		if n := len(key); end-at > n && string(body[at:at+n]) == key && body[at+n] == ' ' {
			v, ok := plainValue(body[at+n+1 : end])
			if !ok || math.Float64bits(v) != math.Float64bits(values[i]) {
				return nil
			}
			texts = append(texts, body[begin:at+n+1])
			begin = end
			i++
		}
		at = end + 1
	}
	if len(texts) != len(series) {
		return nil
	}
	return &pattern{contentType: contentType, texts: own(append(texts, body[begin:])), series: slices.Clone(series)}
}

// own returns texts with memory of their own. It comes last in learning: pages that have no pattern are not copied.
func own(texts [][]byte) [][]byte {
	all := bytes.Join(texts, nil)
	for i, text := range texts {
		texts[i], all = all[:len(text):len(text)], all[len(text):]
	}
	return texts
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
