package capture

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

const (
	logSpan = 10 * time.Minute
	logHeld = 65536
)

// LostLine is the cause, in Counts.Lost, of lines that hold no request.
const LostLine = "malformed line"

// accessLog reads access logs of one layout. Its exchanges are ShapeOnly: when, who, method,
// target, status and size are real, the rest was never written down. Logs are in the order of
// completion and often not even that: lines up to ten minutes (or 65,536 lines) apart are put
// in order of time, those of one time stay as they stand. A last line cut short counts as long
// as its status is whole.
type accessLog struct {
	to     *importer
	lines  lines
	layout layout
}

func newAccessLog(to *importer, f *file, format string) (*accessLog, error) {
	l, err := newLayout(format)
	if err != nil {
		return nil, err
	}
	if to.o.Client == nil {
		to.o.Client = func(address, agent string) string { return strings.TrimSpace(address + " " + agent) }
	}
	to.window.span, to.window.max = logSpan, logHeld
	a := &accessLog{to: to, layout: l}
	a.lines = lines{r: f.r, long: func(err error) { to.lose(replay.LostLimit, a.lines.place(), err) }}
	return a, nil
}

func (a *accessLog) read() error {
	line, err := a.lines.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return a.to.fatal(a.lines.place(), err)
	}
	if text := strings.TrimSpace(string(line)); text != "" {
		if e, problem := a.layout.parse(text); problem != nil {
			a.to.lose(LostLine, a.lines.place(), fmt.Errorf("%w: want %s, have %q", problem, a.layout.format, shorten(text)))
		} else {
			x, ns := e.exchange()
			x.Session = a.to.o.Client(e.client, x.Header.Get("User-Agent"))
			a.to.window.push(x, ns, 0)
		}
	}
	return err
}

func (a *accessLog) settle(*replay.Exchange) {}
