package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday/replay"
)

// LostTarget is the cause, in Counts.Lost, of targets that cannot be used.
const LostTarget = "malformed target"

// targets reads vegeta's lists of targets: one JSON object per line, or a request line with
// header lines below it and @FILE for a body. They hold no times: those are made up, at
// ImportOptions.Rate, and every target is a session of its own unless it shows whose it is.
type targets struct {
	to      *importer
	lines   lines
	beat    metronome
	session *sessions
	text    bool
	ahead   *string // a line of text that was read too early
}

func newTargets(to *importer, f *file) (*targets, error) {
	beat, err := newMetronome(to.o)
	t := &targets{to: to, beat: beat, session: newSessions(to.o.Sessions), text: to.format == FormatTargets}
	t.lines = lines{r: f.r, long: func(err error) { to.lose(replay.LostLimit, t.lines.place(), err) }}
	return t, err
}

func (t *targets) read() error {
	line, err := t.line()
	if err != nil && !errors.Is(err, io.EOF) {
		return t.to.fatal(t.lines.place(), err)
	}
	if line == "" || t.text && line[0] == '#' {
		return err
	}
	var x *replay.Exchange
	place := t.lines.place()
	var problem error
	if t.text {
		x, problem = t.block(line)
	} else {
		x, problem = jsonTarget(line)
	}
	if problem != nil {
		t.to.lose(LostTarget, place, problem)
		return err
	}
	t.to.window.push(x, t.beat.tick(), 0)
	return err
}

func (t *targets) settle(x *replay.Exchange) { x.Session = t.session.name(x) }

func (t *targets) line() (string, error) {
	if t.ahead != nil {
		line := *t.ahead
		t.ahead = nil
		return line, nil
	}
	b, err := t.lines.next()
	return strings.TrimSpace(string(b)), err
}

// jsonTarget reads {"method":"GET","url":"http://host/path","header":{"A":["b"]},"body":"base64"}.
func jsonTarget(line string) (*replay.Exchange, error) {
	var v struct {
		Method string              `json:"method"`
		URL    string              `json:"url"`
		Body   []byte              `json:"body"`
		Header map[string][]string `json:"header"`
	}
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		return nil, err
	}
	var h replay.Header
	for _, name := range slices.Sorted(maps.Keys(v.Header)) {
		for _, value := range v.Header[name] {
			h = append(h, replay.Field{Name: name, Value: value})
		}
	}
	return target(v.Method, v.URL, h, v.Body)
}

func target(method, url string, h replay.Header, body []byte) (*replay.Exchange, error) {
	host, path, ok := splitURL(url)
	if !ok && strings.HasPrefix(url, "/") {
		path, ok = url, true
	}
	if !ok {
		return nil, fmt.Errorf("url %q: want http://host/path", shorten(url))
	}
	if !isToken(method) || method == "" {
		return nil, fmt.Errorf("%q is not a method", shorten(method))
	}
	x := &replay.Exchange{Method: method, Target: path, Host: host, Header: h, Body: body, Size: int64(len(body))}
	if v := h.Get("Host"); v != "" {
		x.Host = v
	}
	x.Header.Del("Host")
	return x, nil
}

// requestStart is what vegeta takes for the start of the next target.
var requestStart = regexp.MustCompile(`^[A-Z]+\s`)

// block reads a target of the text format, whose first line is given.
func (t *targets) block(first string) (*replay.Exchange, error) {
	method, url, _ := strings.Cut(first, " ")
	var h replay.Header
	var body []byte
	var problem error
	for lines := 0; ; lines++ {
		line, err := t.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if line == "" {
			break
		}
		if requestStart.MatchString(line) {
			t.ahead = &line
			break
		}
		switch name, value, ok := strings.Cut(line, ":"); {
		case line[0] == '#':
		case line[0] == '@':
			body, problem = bodyFile(line[1:])
		case !ok || strings.TrimSpace(name) == "" || lines > headerLinesMax:
			problem = fmt.Errorf("header line %q: want Name: value", shorten(line))
		default:
			h = append(h, replay.Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
		}
		if err != nil {
			break
		}
	}
	if problem != nil {
		return nil, problem
	}
	return target(method, strings.TrimSpace(url), h, body)
}

const (
	headerLinesMax = 4096
	bodyFileMax    = 32 << 20
)

// bodyFile reads a body that a list of targets names. A list from somewhere else must not read
// what it likes: only files below the working directory will do.
func bodyFile(name string) ([]byte, error) {
	f, err := os.OpenInRoot(".", name)
	if err != nil {
		return nil, fmt.Errorf("body: %w: it must lie below the directory in which this runs", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(f, bodyFileMax+1))
	if err == nil && len(b) > bodyFileMax {
		err = fmt.Errorf("more than %d MiB", bodyFileMax>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("body %s: %w", name, err)
	}
	return b, nil
}
