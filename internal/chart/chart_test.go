package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnitsReadAsPeopleWriteThem(t *testing.T) {
	for _, row := range []struct {
		unit  Unit
		value float64
		want  string
	}{
		{Seconds, 0.0000123, "12.3µs"},
		{Seconds, 0.18234, "182ms"},
		{Seconds, 1.5, "1.5s"},
		{Seconds, 300, "+5:00"},
		{Ratio, 0.00051, "0.05%"},
		{Ratio, 1, "100%"},
		{PerSec, 389.4, "389/s"},
		{Plain, 370412, "370.4k"},
		{Plain, math.NaN(), "–"},
	} {
		require.Equal(t, row.want, row.unit.Format(row.value))
	}
}

func TestTicksAreRoundAndCoverTheRange(t *testing.T) {
	require.Equal(t, []float64{0, 0.2, 0.4, 0.6000000000000001, 0.8}, Ticks(0, 0.742, 4))
	require.Equal(t, []float64{0, 50, 100, 150}, Ticks(0, 150, 4))
	for _, top := range []float64{1e-9, 0.3, 7, 99, 12345} {
		ticks := Ticks(0, top, 4)
		require.GreaterOrEqual(t, ticks[len(ticks)-1], top*(1-1e-9))
		require.LessOrEqual(t, len(ticks), 8)
	}
	require.Equal(t, []float64{0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60}, TimeTicks(60))
}

func TestSVGIsWellFormedAndEscapesItsTexts(t *testing.T) {
	c := Chart{
		ID: "lat", Title: `<b>"latency"</b>`, Desc: "a & b", XMax: 10, Unit: Seconds,
		Series: []Series{{Name: "p99", Fill: true, Points: []Point{{0, 1}, {1, math.NaN()}, {2, 3}, {3, 2}}}},
		Bands:  []Band{{From: 2, To: 4, Label: "<1>"}},
		Limits: []Limit{{Y: 2, Name: "p99 <= 2s"}},
	}
	svg := string(c.SVG())
	require.NoError(t, wellFormed(svg))
	require.NotContains(t, svg, "<b>")
	require.NotContains(t, svg, "style=", "a strict policy forbids style attributes")
	require.Contains(t, svg, "&lt;=")
}

func TestLanesAreWellFormedAndMarkTheProof(t *testing.T) {
	svg := Lanes{ID: "faults", XMax: 60, Lanes: []Lane{{Name: "<zone>", From: 15, To: 42, Tick: 16}, {Name: "kill", From: 20, To: 25, Tick: -1}}}.SVG()
	require.NoError(t, wellFormed(svg))
	require.Equal(t, 1, strings.Count(svg, "✓"))
}

func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func ExampleChart_SVG() {
	svg := Chart{ID: "rate", Title: "rate", XMax: 2, Series: []Series{{Points: []Point{{0, 1}, {2, 1}}}}}.SVG()
	fmt.Println(strings.Count(string(svg), `<path class="line s0"`))
	// Output: 1
}
