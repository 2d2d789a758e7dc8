package chart

import "html"

// Lane is one stretch of time with a row of its own.
type Lane struct {
	Name     string
	From, To float64
	Tick     float64 // a moment on it worth a mark; none when below From
}

// Lanes draws one row per lane on the same time axis as Chart.
type Lanes struct {
	ID, Title, Desc string
	XMax            float64
	Lanes           []Lane
}

const laneHeight = 22

// SVG returns the drawing. All text is escaped.
func (l Lanes) SVG() string {
	d := drawing{Chart: Chart{ID: l.ID, Title: l.Title, Desc: l.Desc, XMax: l.XMax, Width: 960, Height: marginTop + laneHeight*len(l.Lanes) + marginBottom}}
	d.open()
	for i, lane := range l.Lanes {
		y := marginTop + i*laneHeight
		x0, x1 := d.x(lane.From), d.x(lane.To)
		d.printf(`<rect class="lane" x="%.1f" y="%d" width="%.1f" height="%d"/>`, x0, y+2, max(x1-x0, 2), laneHeight-6)
		if lane.Tick >= lane.From {
			d.printf(`<text class="bandlabel" x="%.1f" y="%d">✓</text>`, d.x(lane.Tick)+2, y+15)
		}
		anchor, x := "start", x1+6
		if x1 > float64(d.Width)*0.6 {
			anchor, x = "end", x0-6
		}
		d.printf(`<text class="lanelabel" text-anchor="%s" x="%.1f" y="%d">%s</text>`, anchor, x, y+15, html.EscapeString(lane.Name))
	}
	for _, t := range TimeTicks(l.XMax) {
		d.printf(`<text class="tick" text-anchor="middle" x="%.1f" y="%d">%s</text>`, d.x(t), d.Height-6, Clock(t))
	}
	d.WriteString("</svg>")
	return d.String()
}
