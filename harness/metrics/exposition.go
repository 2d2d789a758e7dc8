package metrics

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// exposition reads the pages that targets serve: the Prometheus text format and OpenMetrics.
type exposition struct {
	symbols *labels.SymbolTable
	limit   int // samples of one page
}

// parse calls each for every sample of the page, with a function that reads its labels and is valid
// during the call only. Times that the page states are left out: a run has one clock. Native histograms
// are not kept, their classic form is.
func (e exposition) parse(page []byte, contentType string, each func(key []byte, read func(*labels.Labels), value float64) error) error {
	if strings.Contains(contentType, "protobuf") {
		return fmt.Errorf("read metrics: content type %q was not asked for; serve the text format", contentType)
	}
	p, err := textparse.New(page, contentType, e.symbols, textparse.ParserOptions{
		FallbackContentType:     "text/plain",
		OpenMetricsSkipSTSeries: true,
	})
	if p == nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	read := p.Labels // once: a method value is an allocation
	for n := 0; ; {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read metrics: sample %d: %w", n+1, err)
		case entry != textparse.EntrySeries:
			continue
		}
		if n++; n > e.limit {
			return fmt.Errorf("read metrics: more than %d samples on one page; drop labels of high cardinality", e.limit)
		}
		key, _, value := p.Series()
		if err := each(key, read, value); err != nil {
			return err
		}
	}
}

// withTarget returns the labels of an exposed series together with those of its target. Where both have
// a name with different values, the target's is kept and the exposed one is renamed exported_NAME, as
// Prometheus does.
func withTarget(exposed labels.Labels, target labels.Labels) labels.Labels {
	b := labels.NewBuilder(exposed)
	target.Range(func(l labels.Label) {
		if said := exposed.Get(l.Name); said != "" && said != l.Value {
			b.Set("exported_"+l.Name, said)
		}
		b.Set(l.Name, l.Value)
	})
	return b.Labels()
}
