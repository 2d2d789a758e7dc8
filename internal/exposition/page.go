// Package exposition writes series in the text format of Prometheus, version 0.0.4. It is for pages that are asked for
// every second and have thousands of series: labels are written out once, a sample costs no allocation, and families and
// samples come in the order in which they are added. See ExamplePage.
package exposition

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Kind is the type of a family.
type Kind string

// The kinds. The samples of a summary have the suffixes _sum and _count, and a histogram has _bucket as well, with the label le.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Summary   Kind = "summary"
	Histogram Kind = "histogram"
)

// Labels are labels as a page shows them. The zero value is none.
type Labels string

// escapes are those of label values.
var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// LabelsOf writes names and values out, which come in turn. The names must be valid ones.
func LabelsOf(pairs ...string) Labels {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(pairs[i])
		b.WriteString(`="`)
		_, _ = escapes.WriteString(&b, pairs[i+1]) // a builder does not fail
		b.WriteByte('"')
	}
	if b.Len() > 0 {
		b.WriteByte('}')
	}
	return Labels(b.String())
}

// Page is a page being written. The zero value is empty.
type Page struct {
	text   []byte
	family string
}

// Family begins a family, to which the samples that follow belong. All samples of a family come together, and its help is one line.
func (p *Page) Family(name string, kind Kind, help string) {
	p.family = name
	for _, part := range []string{"# HELP ", name, " ", help, "\n# TYPE ", name, " ", string(kind), "\n"} {
		p.text = append(p.text, part...)
	}
}

// Add adds a sample to the family. The suffix is empty but for the samples of summaries and histograms.
func (p *Page) Add(suffix string, labels Labels, value float64) {
	p.text = append(p.text, p.family...)
	p.text = append(p.text, suffix...)
	p.text = append(p.text, labels...)
	p.text = append(p.text, ' ')
	if whole := int64(value); float64(whole) == value && math.Abs(value) < 1<<53 {
		p.text = strconv.AppendInt(p.text, whole, 10)
	} else {
		p.text = strconv.AppendFloat(p.text, value, 'g', -1, 64)
	}
	p.text = append(p.text, '\n')
}

// Handler answers every request with what write puts on an empty page.
func Handler(write func(*Page)) http.Handler {
	pages := sync.Pool{New: func() any { return new(Page) }}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p := pages.Get().(*Page)
		defer pages.Put(p)
		p.text = p.text[:0]
		write(p)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(p.text)))
		_, _ = w.Write(p.text) // fails when whoever asked has gone
	})
}
