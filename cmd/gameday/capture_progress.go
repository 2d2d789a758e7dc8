package main

import (
	"fmt"
	"io"
	"time"

	"github.com/gameday-dev/gameday/internal/wire"
)

// captureLine tells how a capture is doing: one line that is written anew each second on a terminal, and one
// more line every ten seconds elsewhere.
type captureLine struct {
	to       io.Writer
	terminal bool
	last     wire.CaptureProgress
	shown    time.Duration
	stopped  string
}

const captureLinePeriod = 10 * time.Second

func (l *captureLine) show(p wire.CaptureProgress) {
	if p.Stopped != l.stopped {
		l.stopped = p.Stopped
		if p.Stopped == "" {
			fmt.Fprintf(l.to, "%srecording again\n", l.clear())
		} else {
			fmt.Fprintf(l.to, "%snot recording: %s\n", l.clear(), p.Stopped)
		}
	}
	switch {
	case l.terminal:
		fmt.Fprint(l.to, l.clear(), l.text(p))
	case p.Elapsed-l.shown >= captureLinePeriod:
		l.shown = p.Elapsed
		fmt.Fprintln(l.to, l.text(p))
	default:
		return // the rate is that since the last line
	}
	l.last = p
}

// end makes room for what follows.
func (l *captureLine) end() { fmt.Fprint(l.to, l.clear()) }

// clear wipes the line that is shown.
func (l *captureLine) clear() string {
	if l.terminal {
		return "\r\x1b[K"
	}
	return ""
}

func (l *captureLine) text(p wire.CaptureProgress) string {
	c := p.Counts
	seconds := max(time.Millisecond, p.Elapsed-l.last.Elapsed).Seconds()
	text := fmt.Sprintf("%s  %.0f/s  %d recorded, %d filtered, %d sampled out, %d lost; %d waiting, %s held, %s on disk",
		p.Elapsed.Truncate(time.Second), float64(c.Arrived()-l.last.Counts.Arrived())/seconds,
		c.Captured, c.Filtered.Total(), c.Sampled, c.Lost.Total(), p.Waiting, mebibytes(p.Held), mebibytes(p.Written))
	if p.Sample < 1 {
		text += fmt.Sprintf("; %.1f %% of the sessions", 100*p.Sample)
	}
	if p.Stopped != "" {
		text += "; not recording: " + p.Stopped
	}
	return text
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
