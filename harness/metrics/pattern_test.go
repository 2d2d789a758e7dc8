package metrics

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// requireParsed compares the batch of a page, by whatever way it came, with what the parser makes of the same text.
func requireParsed(t *testing.T, p *page, text, contentType string) {
	t.Helper()
	var keys []string
	var values []uint64
	err := p.format.parse([]byte(text), contentType, func(key []byte, _ func(*labels.Labels), value float64) error {
		keys, values = append(keys, string(key)), append(values, math.Float64bits(value))
		return nil
	})
	if err != nil {
		keys, values = nil, nil
	}
	require.Len(t, p.batch, len(keys))
	for i, k := range p.batch {
		require.Equal(t, keys[i], k.key)
		require.Equal(t, values[i], math.Float64bits(p.values[i]), "%s", k.key)
		require.Same(t, k, p.known[k.key], "what is in the batch is known")
	}
}

func TestAPageIsReadAsTheParserDoesWhateverChanges(t *testing.T) {
	const (
		text        = "text/plain; version=0.0.4"
		openMetrics = "application/openmetrics-text; version=1.0.0"
		page        = "# HELP a Help.\n# TYPE a counter\na{x=\"y\"} 1\na{x=\"z\"} 2.5e3\n# TYPE b gauge\nb 3\n"
		open        = "# TYPE a counter\na_total 1\na_created 100.5\n# TYPE b gauge\nb 2\n# EOF\n"
	)
	for _, row := range []struct {
		about, contentType, before, after string
		patterned                         bool // read without the parser
		wrong                             string
	}{
		{"nothing", text, page, page, true, ""},
		{"values", text, page, strings.NewReplacer(" 1\n", " 2\n", " 3\n", " -0.25\n").Replace(page), true, ""},
		{"a value that becomes no number", text, page, strings.Replace(page, " 3\n", " NaN\n", 1), true, ""},
		{"a value beyond all", text, page, strings.Replace(page, " 3\n", " +Inf\n", 1), true, ""},
		{"a page without its last line break", text, strings.TrimSpace(page), strings.TrimSpace(page) + "4", true, ""},
		{"a label", text, page, strings.Replace(page, `x="y"`, `x="w"`, 1), false, ""},
		{"a help text", text, page, strings.Replace(page, "Help", "Advice", 1), false, ""},
		{"a series more", text, page, page + "c 1\n", false, ""},
		{"a series less", text, page, strings.TrimSuffix(page, "b 3\n"), false, ""},
		{"the order", text, page, "b 3\n" + strings.TrimSuffix(page, "b 3\n"), false, ""},
		{"a time that is told", text, page, strings.Replace(page, " 3\n", " 3 1700000000000\n", 1), false, ""},
		{"times on all", text, "a 1 1700000000000\n", "a 2 1700000000500\n", false, ""},
		{"a value in two spaces", text, "a  1\n", "a  2\n", false, ""},
		{"a value that is none", text, page, strings.Replace(page, " 3\n", " x\n", 1), false, "read metrics"},
		{"a value in a form that is not taken", text, page, strings.Replace(page, " 3\n", " 0x1p-2\n", 1), false, "read metrics"},
		{"a value with underscores", text, page, strings.Replace(page, " 3\n", " 0x_1\n", 1), false, "read metrics"},
		{"a page that breaks off", text, page, page[:len(page)-3], false, "read metrics"},
		{"values of OpenMetrics, with a line that is left out", openMetrics, open, strings.Replace(open, "b 2", "b 7", 1), true, ""},
		{"an exemplar", openMetrics, open, strings.Replace(open, "a_total 1", `a_total 1 # {id="7"} 1`, 1), false, ""},
		{"the end of OpenMetrics", openMetrics, open, strings.TrimSuffix(open, "# EOF\n"), false, "read metrics"},
		{"a series twice", text, "a 1\na 2\n", "a 3\na 4\n", true, ""},
	} {
		t.Run(row.about, func(t *testing.T) {
			p := newPage(NewStore(runStart, Limits{}), Target{}, exposition{limit: 100})
			require.NoError(t, p.read([]byte(row.before), row.contentType))
			p.commit(second, 0, true)
			if p.looks != nil {
				_, patterned := p.looks.read([]byte(row.after), row.contentType, nil)
				require.Equal(t, row.patterned, patterned)
			} else {
				require.False(t, row.patterned)
			}
			err := p.read([]byte(row.after), row.contentType)
			if row.wrong != "" {
				require.ErrorContains(t, err, row.wrong)
				return
			}
			require.NoError(t, err)
			p.commit(2*second, 0, true)
			requireParsed(t, p, row.after, row.contentType)
		})
	}
}

func TestAPatternKeepsNothingOfThePageItWasLearntFrom(t *testing.T) {
	const text = "# TYPE a gauge\na 1\nb 2\n"
	body := []byte(text)
	p := learn(body, "", []*kept{{key: "a"}, {key: "b"}}, []float64{1, 2})
	require.NotNil(t, p)
	clear(body)
	values, ok := p.read([]byte(text), "", nil)
	require.True(t, ok)
	require.Equal(t, []float64{1, 2}, values)
}

func TestAPageThatComesBackAfterAFailedScrapeIsKnownAgain(t *testing.T) {
	s := NewStore(runStart, Limits{})
	p := newPage(s, Target{}, exposition{limit: 100})
	for i, page := range []string{"a 1\n", "a 2\n", "?", "a 3\n", "a 4\n", "b 1\n"} {
		if p.read([]byte(page), "text/plain") != nil {
			p.batch, p.values = p.batch[:0], p.values[:0]
		}
		p.commit(gameday.Duration(i+1)*second, 0, true)
		requireParsed(t, p, page, "text/plain")
	}
	got, err := s.Range(t.Context(), "a", 5*second, 6*second, second)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Len(t, got[0].Points, 1, "it ended when it was gone")
}
