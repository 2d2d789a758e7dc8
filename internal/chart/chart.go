// Package chart draws time charts as SVG that needs no script, no style attribute and no network: colours
// come from the page's style sheet by class, so that a strict content security policy, dark mode and print
// all work. Axes are chosen here, in one place, so that charts under each other line up.
package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// Point is one value at a number of seconds.
type Point struct{ X, Y float64 }

// Series is one line. NaN values break it.
type Series struct {
	Name   string
	Points []Point
	Fill   bool // tint the area below the line
}

// Band is a stretch of time to point out, such as a fault.
type Band struct {
	From, To float64
	Label    string // short: a number or a letter
}

// Limit is a horizontal line that values should not cross.
type Limit struct {
	Y    float64
	Name string
}

// Chart is one drawing. The zero values of Width and Height get defaults.
type Chart struct {
	ID            string // unique in the page, for accessibility references
	Title         string
	Desc          string // one sentence that says what the drawing shows
	Width, Height int    // in user units; 960 x 180
	XMax          float64
	Unit          Unit
	Series        []Series
	Bands         []Band
	Limits        []Limit
	HideX         bool // leave the labels of the time axis to the chart below
}

const (
	marginLeft   = 64
	marginRight  = 26
	marginTop    = 10
	marginBottom = 22
	maxStyles    = 6 // line styles that the style sheet tells apart
)

// SVG returns the drawing. All text is escaped.
func (c Chart) SVG() template.HTML {
	if c.Width == 0 {
		c.Width = 960
	}
	if c.Height == 0 {
		c.Height = 180
	}
	d := drawing{Chart: c, bottom: float64(c.Height - marginBottom)}
	if c.HideX {
		d.bottom = float64(c.Height - 8)
	}
	d.ticks = Ticks(0, d.top(), 4)
	d.yMax = d.ticks[len(d.ticks)-1]
	d.open()
	d.bands()
	d.grid()
	d.limits()
	for i, s := range c.Series {
		d.line(i%maxStyles, s)
	}
	d.WriteString("</svg>")
	return template.HTML(d.String()) //nolint:gosec // every text went through html.EscapeString
}

type drawing struct {
	strings.Builder
	Chart
	bottom, yMax float64
	ticks        []float64
}

// top is the largest value that has to fit.
func (d *drawing) top() float64 {
	top := 0.0
	for _, s := range d.Series {
		for _, p := range s.Points {
			if !math.IsNaN(p.Y) && !math.IsInf(p.Y, 0) {
				top = max(top, p.Y)
			}
		}
	}
	// A limit far above all values would press the lines flat; then it is left out of the drawing.
	for _, l := range d.Limits {
		if l.Y <= 3*top {
			top = max(top, l.Y*1.05)
		}
	}
	if top == 0 {
		top = 1
	}
	return top
}

func (d *drawing) x(seconds float64) float64 {
	w := float64(d.Width - marginLeft - marginRight)
	return marginLeft + w*min(max(seconds/max(d.XMax, 1e-9), 0), 1)
}

func (d *drawing) y(v float64) float64 {
	return d.bottom - (d.bottom-marginTop)*min(max(v/d.yMax, 0), 1)
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

func (d *drawing) open() {
	d.printf(`<svg class="chart" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t %s-d">`, d.Width, d.Height, d.ID, d.ID)
	d.printf(`<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, d.ID, html.EscapeString(d.Title), d.ID, html.EscapeString(d.Desc))
}

func (d *drawing) bands() {
	for _, b := range d.Bands {
		x0, x1 := d.x(b.From), d.x(b.To)
		d.printf(`<rect class="band" x="%.1f" y="%d" width="%.1f" height="%.1f"/>`, x0, marginTop, max(x1-x0, 1), d.bottom-marginTop)
		d.printf(`<text class="bandlabel" x="%.1f" y="%d">%s</text>`, x0+3, marginTop+11, html.EscapeString(b.Label))
	}
}

func (d *drawing) grid() {
	for _, t := range d.ticks {
		d.printf(`<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, marginLeft, d.Width-marginRight, d.y(t), d.y(t))
		d.printf(`<text class="tick" text-anchor="end" x="%d" y="%.1f">%s</text>`, marginLeft-6, d.y(t)+4, html.EscapeString(d.Unit.Format(t)))
	}
	if d.HideX {
		return
	}
	for _, t := range TimeTicks(d.XMax) {
		d.printf(`<text class="tick" text-anchor="middle" x="%.1f" y="%d">%s</text>`, d.x(t), d.Height-6, Clock(t))
	}
}

func (d *drawing) limits() {
	for _, l := range d.Limits {
		if l.Y > d.yMax {
			continue
		}
		d.printf(`<line class="limit" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, marginLeft, d.Width-marginRight, d.y(l.Y), d.y(l.Y))
		d.printf(`<text class="limitlabel" text-anchor="end" x="%d" y="%.1f">%s</text>`, d.Width-marginRight-2, d.y(l.Y)-3, html.EscapeString(l.Name))
	}
}

func (d *drawing) line(style int, s Series) {
	var path, area strings.Builder
	open := false
	var first, last float64
	closeArea := func() {
		if open && s.Fill {
			fmt.Fprintf(&area, "L%.1f %.1fL%.1f %.1fZ", last, d.bottom, first, d.bottom)
		}
		open = false
	}
	for _, p := range s.Points {
		if math.IsNaN(p.Y) {
			closeArea()
			continue
		}
		verb := "L"
		if !open {
			verb, open, first = "M", true, d.x(p.X)
		}
		last = d.x(p.X)
		fmt.Fprintf(&path, "%s%.1f %.1f", verb, last, d.y(p.Y))
		if s.Fill {
			fmt.Fprintf(&area, "%s%.1f %.1f", verb, last, d.y(p.Y))
		}
	}
	closeArea()
	if s.Fill && area.Len() > 0 {
		d.printf(`<path class="area s%d" d="%s"/>`, style, area.String())
	}
	if path.Len() > 0 {
		d.printf(`<path class="line s%d" d="%s"/>`, style, path.String())
	}
}
