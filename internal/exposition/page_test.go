package exposition

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

func ExamplePage() {
	labels := LabelsOf("src", "order", "dst", "promotion")
	page := httptest.NewRecorder()
	Handler(func(p *Page) {
		p.Family("gameday_link_bytes_total", Counter, "Bytes read from the sender on a link.")
		p.Add("", labels, 4096)
		p.Family("gameday_link_delay_seconds", Summary, "Delay that the proxy added.")
		p.Add("_sum", labels, 0.25)
		p.Add("_count", labels, 2)
	}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	fmt.Print(page.Body)
	// Output:
	// # HELP gameday_link_bytes_total Bytes read from the sender on a link.
	// # TYPE gameday_link_bytes_total counter
	// gameday_link_bytes_total{src="order",dst="promotion"} 4096
	// # HELP gameday_link_delay_seconds Delay that the proxy added.
	// # TYPE gameday_link_delay_seconds summary
	// gameday_link_delay_seconds_sum{src="order",dst="promotion"} 0.25
	// gameday_link_delay_seconds_count{src="order",dst="promotion"} 2
}

func TestPrometheusReadsWhatWasWritten(t *testing.T) {
	for _, row := range []struct {
		about string
		value float64
		label string
	}{
		{"a whole number", 12, "plain"},
		{"a negative one", -3, "plain"},
		{"a fraction", 0.1, "plain"},
		{"one too large to be counted in ones", 1e300, "plain"},
		{"infinity", math.Inf(1), "plain"},
		{"negative infinity", math.Inf(-1), "plain"},
		{"a value with everything that needs an escape", 1, "a \"b\" \\ c\nd"},
		{"a value in another script", 1, "Größe"},
		{"an empty value", 1, ""},
	} {
		t.Run(row.about, func(t *testing.T) {
			var p Page
			p.Family("x", Gauge, "An x.")
			p.Add("", LabelsOf("a", row.label, "b", "other"), row.value)
			p.Add("", "", row.value)
			parser := expfmt.NewTextParser(model.UTF8Validation)
			families, err := parser.TextToMetricFamilies(strings.NewReader(string(p.text)))
			require.NoError(t, err)
			metrics := families["x"].Metric
			require.Len(t, metrics, 2)
			require.Equal(t, row.label, metrics[0].Label[0].GetValue())
			require.Equal(t, "other", metrics[0].Label[1].GetValue())
			require.Equal(t, row.value, metrics[0].Gauge.GetValue())
			require.Empty(t, metrics[1].Label)
		})
	}
}

func TestASampleAllocatesNothing(t *testing.T) {
	p := Page{text: make([]byte, 0, 1<<10)}
	labels := LabelsOf("src", "order")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p.text = p.text[:0]
		p.Add("", labels, 1.5)
	}))
}
