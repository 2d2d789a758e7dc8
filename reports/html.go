package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
)

//go:embed report.html
var runPage string

//go:embed replay.html
var replayPage string

//go:embed parts.html
var parts string

//go:embed report.css
var style string

// HTML writes the report as one file that needs neither script nor network. Its policy allows the one style
// sheet by hash and nothing else, so text from captured traffic cannot run or load anything.
func HTML(w io.Writer, s Summary) error {
	v := newView(s)
	v.Figures = s.KeyFigures()
	v.draw()
	return v.write(w, runPage, v)
}

// write renders a page with what it shows, which is the view or has it.
func (v *view) write(w io.Writer, page string, shown any) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"mark": mark, "resultMark": resultMark, "word": outcomeWord, "value": value, "clock": clock, "short": short,
		"count": count, "day": day, "kind": ofKind, "spark": spark, "ms": milliseconds,
		"class":  func(r gameday.Result) string { return strings.ToLower(string(r)) },
		"labels": labels, "brokeFirst": brokeFirst, "unit": func(v float64, unit string) string { return chart.Unit(unit).Format(v) },
		"tally": tallyText[int64], "utally": tallyText[uint64], "ucount": func(n uint64) string { return count(int64(n)) },
		"filtered": filteredText, "schedule": scheduleText, "messages": messagesText, "host": hostText, "sessions": sessionsText, "detour": detourText,
		"diffClasses": func() []gameday.DiffClass { return gameday.DiffClasses[:] }, "diffRoutes": diffRoutes,
	}).Parse(parts)
	if err == nil {
		t, err = t.Parse(page)
	}
	if err != nil {
		return fmt.Errorf("parse report template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, shown); err != nil {
		return fmt.Errorf("render report: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// view is what the template reads beyond the summary.
type view struct {
	Summary
	Style  template.CSS
	Policy string

	Figures []keyFigure
	Step    int           // seconds that a point of a drawing stands for, when it is more than one; else 0
	Lanes   template.HTML // the faults, empty when there are none
	Charts  []figure
}

func newView(s Summary) *view {
	sum := sha256.Sum256([]byte(style))
	v := &view{
		Summary: s,
		Style:   template.CSS(style), //nolint:gosec // ours, embedded
		Policy:  fmt.Sprintf("default-src 'none'; img-src data:; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(sum[:])),
	}
	if step := pointSeconds(s.Seconds); step > 1 {
		v.Step = step
	}
	return v
}

// figure is one drawing of the timeline with its legend.
type figure struct {
	Heading string
	Note    string
	SVG     template.HTML
	Legend  []legend
	Rows    []figureRow // the same as a table, every few seconds
	Unit    chart.Unit
}

type legend struct {
	Style int
	Name  string
}

type figureRow struct {
	At     string
	Values []string
}

const maxLines = 6

// maxLanes bounds the drawing of faults; the table below it lists all of them.
const maxLanes = 24

func (v *view) drawLanes() {
	lanes := chart.Lanes{ID: "lanes", Title: "faults over the run", XMax: v.Seconds, Desc: "One bar per fault, a tick where its effect was proven."}
	for _, f := range v.Faults[:min(len(v.Faults), maxLanes)] {
		lane := chart.Lane{
			Name: fmt.Sprintf("%d %s: %s", f.Number, f.Fault.Step, f.Fault.Target.Name), Tick: -1,
			From: f.Injecting.Seconds(), To: f.End(gameday.Duration(v.Seconds * 1e9)).Seconds(),
		}
		if f.Active != nil {
			lane.Tick = f.Active.Seconds()
		}
		lanes.Lanes = append(lanes.Lanes, lane)
	}
	if len(lanes.Lanes) > 0 {
		v.Lanes = template.HTML(lanes.SVG()) //nolint:gosec // escaped by the drawing
	}
}

func (v *view) draw() {
	v.drawLanes()
	v.drawFlows()
	v.drawTotals()
	if len(v.Saturation) > 0 {
		v.add(figure{Heading: "Saturation", Note: "requests in progress, the three services that moved most"}, chart.Chart{
			ID: "saturation", Title: "requests in progress per service over the run", Series: v.Saturation,
		})
	}
	if len(v.Host) > 0 {
		v.add(figure{Heading: "Host CPU", Note: "of this machine; a busy host is not the system's fault", Unit: chart.Ratio}, chart.Chart{
			ID: "host", Title: "share of the machine's CPU in use over the run", Series: v.Host, Height: 110,
		})
	}
}

// drawFlows draws latency and failures of the flows.
func (v *view) drawFlows() {
	latency := figure{Heading: "Latency, p99 per flow", Note: "counted from the moment a request was due", Unit: chart.Seconds}
	failures := figure{Heading: "Failed share per flow", Note: "rejected, error and timeout", Unit: chart.Ratio}
	var lat, bad []chart.Series
	var limits, badLimits []chart.Limit
	for _, f := range v.coreFlows() {
		lat = append(lat, chart.Series{Name: f.Flow, Points: f.P99})
		bad = append(bad, chart.Series{Name: f.Flow, Points: ratio(f)})
		for _, o := range f.Objectives {
			limit := chart.Limit{Y: o.Limit, Name: f.Flow + " " + o.Text}
			switch {
			case o.Metric == "p99" && len(limits) < 3:
				limits = append(limits, limit)
			case o.Metric == "error_rate" && len(badLimits) < 2:
				badLimits = append(badLimits, limit)
			}
		}
	}
	v.add(latency, chart.Chart{ID: "latency", Title: "p99 latency per flow over the run", Series: lat, Limits: limits, Height: 220})
	v.add(failures, chart.Chart{ID: "failures", Title: "share of failed requests per flow over the run", Series: bad, Limits: badLimits})
}

// drawTotals draws throughput and answers of all flows together.
func (v *view) drawTotals() {
	v.add(figure{Heading: "Throughput", Note: "requests that were due, and those that succeeded", Unit: chart.PerSec}, chart.Chart{
		ID: "throughput", Title: "due and successful requests per second over the run",
		Series: []chart.Series{{Name: "due", Points: v.Total.Due}, {Name: "succeeded", Points: v.Total.OK}},
	})
	var classes []chart.Series
	for _, class := range gameday.Classes[1:] {
		classes = append(classes, chart.Series{Name: string(class), Points: v.Total.Classes[class]})
	}
	v.add(figure{Heading: "Answers other than ok", Note: "requests per second by class", Unit: chart.PerSec}, chart.Chart{
		ID: "classes", Title: "degraded, rejected, failed and timed out requests per second over the run", Series: classes,
	})
}

func (v *view) coreFlows() []FlowLine {
	var flows []FlowLine
	for _, f := range v.Flows {
		if f.Requests > 0 && len(flows) < maxLines {
			flows = append(flows, f)
		}
	}
	return flows
}

func (v *view) add(f figure, c chart.Chart) {
	c.XMax, c.Unit, c.Bands = v.Seconds, f.Unit, v.bands()
	c.Desc = describe(c, v.Faults)
	f.Rows = table(c)
	for i, s := range c.Series {
		f.Legend = append(f.Legend, legend{Style: i, Name: s.Name})
		c.Series[i].Points = thin(s.Points, pointSeconds(c.XMax), c.Unit == chart.PerSec)
	}
	f.SVG = c.SVG()
	v.Charts = append(v.Charts, f)
}

func (v *view) bands() []chart.Band {
	var bands []chart.Band
	for _, f := range v.Faults {
		bands = append(bands, chart.Band{
			From: f.Injecting.Seconds(), To: f.End(gameday.Duration(v.Seconds * 1e9)).Seconds(), Label: fmt.Sprint(f.Number),
		})
	}
	return bands
}

func describe(c chart.Chart, faults []FaultSpan) string {
	var b strings.Builder
	for _, s := range c.Series {
		var top, at float64
		for _, p := range s.Points {
			if p.Y > top {
				top, at = p.Y, p.X
			}
		}
		fmt.Fprintf(&b, "%s peaks at %s at %s. ", s.Name, c.Unit.Format(top), chart.Clock(at))
	}
	if len(faults) > 0 {
		fmt.Fprintf(&b, "%s marked.", plural(len(faults), "fault"))
	}
	return b.String()
}

// table gives the drawing's numbers every five seconds (or so that about 24 rows remain).
func table(c chart.Chart) []figureRow {
	every := max(5, int(c.XMax/24))
	var rows []figureRow
	for at := 0; float64(at) < c.XMax; at += every {
		row := figureRow{At: chart.Clock(float64(at))}
		for _, s := range c.Series {
			text := "–"
			for _, p := range s.Points {
				if int(p.X) == at {
					text = c.Unit.Format(p.Y)
				}
			}
			row.Values = append(row.Values, text)
		}
		rows = append(rows, row)
	}
	return rows
}

func ratio(f FlowLine) []chart.Point {
	points := make([]chart.Point, 0, len(f.Due))
	for i, ok := range f.OK {
		var all float64
		for _, class := range gameday.Classes {
			all += f.Classes[class][i].Y
		}
		if all > 0 {
			points = append(points, chart.Point{X: ok.X, Y: (all - ok.Y) / all})
		}
	}
	return points
}

// spark draws the evidence of one finding, small. IDs come from the position in the page.
func spark(f gameday.Finding, kind string, i int) template.HTML {
	c := chart.Chart{
		ID: fmt.Sprintf("e-%s-%d", kind, i), Title: "evidence for " + f.Name, Width: 640, Height: 120, Unit: chart.Unit(f.Unit),
		Bands: []chart.Band{{From: f.From.Seconds(), To: f.To.Seconds(), Label: "judged"}},
	}
	for _, s := range f.Evidence[:min(len(f.Evidence), maxLines)] {
		series := chart.Series{Points: Points(s)}
		c.Series = append(c.Series, series)
		for _, p := range series.Points {
			c.XMax = max(c.XMax, p.X)
		}
	}
	c.XMax = max(c.XMax, f.To.Seconds())
	if f.Limit != nil {
		c.Limits = []chart.Limit{{Y: *f.Limit, Name: f.Expected}}
	}
	c.Desc = "The values that decided: " + f.Observed
	return c.SVG()
}
