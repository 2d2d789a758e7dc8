package metrics

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/gameday-dev/gameday"
)

// AnswersName is the name of the file of answers in its directory.
const AnswersName = "answers.jsonl.zst"

const (
	answersVersion  = 1
	answersBytesMax = 1 << 30 // unpacked
)

// answersHead is the first line of the file.
type answersHead struct {
	Version int `json:"version"`
	Answers int `json:"answers"`
}

// answerLine is any other line: a question and what came of it. Values are text, because JSON has no NaN.
type answerLine struct {
	query
	Error  string       `json:"error,omitempty"`
	Series []lineSeries `json:"series,omitempty"`
}

type lineSeries struct {
	Labels map[string]string  `json:"labels,omitempty"`
	At     []gameday.Duration `json:"at"`
	Values []string           `json:"values"`
}

// Save writes the answers to dir, which must exist, as one file that replaces an older one only when it is whole.
func (a *Answers) Save(dir string) (err error) {
	path := filepath.Join(dir, AnswersName)
	f, err := os.CreateTemp(dir, AnswersName+".*")
	if err != nil {
		return fmt.Errorf("save answers: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("save answers to %s: %w", path, err), f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(a.encode(f), f.Sync(), f.Chmod(0o644)); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return f.Close()
}

func (a *Answers) encode(to io.Writer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	z, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	lines := json.NewEncoder(z)
	err = lines.Encode(answersHead{answersVersion, len(a.kept)})
	for _, q := range slices.SortedFunc(maps.Keys(a.kept), func(a, b query) int {
		return cmp.Or(cmp.Compare(a.Expr, b.Expr), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Step, b.Step))
	}) {
		if err == nil {
			err = lines.Encode(lineOf(q, a.kept[q]))
		}
	}
	return errors.Join(err, z.Close())
}

func lineOf(q query, a answer) answerLine {
	line := answerLine{query: q, Error: a.err}
	for _, s := range a.series {
		one := lineSeries{Labels: s.Labels, At: make([]gameday.Duration, len(s.Points)), Values: make([]string, len(s.Points))}
		for i, p := range s.Points {
			one.At[i], one.Values[i] = p.At, strconv.FormatFloat(p.Value, 'g', -1, 64)
		}
		line.Series = append(line.Series, one)
	}
	return line
}

// LoadAnswers reads what Save wrote to dir, beside the harness's own samples, which may be nil. The error is
// fs.ErrNotExist when nothing was saved. A file that holds more than the limits is refused.
func LoadAnswers(dir string, own *Store) (*Answers, error) {
	a := &Answers{own: own, kept: map[query]answer{}}
	path := filepath.Join(dir, AnswersName)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load answers: %w", err)
	}
	defer f.Close()
	if err := a.decode(f); err != nil {
		return nil, fmt.Errorf("load answers from %s: %w", path, err)
	}
	return a, nil
}

func (a *Answers) decode(from io.Reader) error {
	z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(32<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	lines := json.NewDecoder(bufio.NewReader(io.LimitReader(z, answersBytesMax)))
	var head answersHead
	if err := lines.Decode(&head); err != nil {
		return fmt.Errorf("not a file of answers: %w", err)
	}
	if head.Version != answersVersion {
		return fmt.Errorf("version %d of the format is not known; read it with the gameday that wrote it", head.Version)
	}
	for n := range head.Answers {
		var line answerLine
		if err := lines.Decode(&line); err != nil {
			return fmt.Errorf("answer %d of %d: damaged: %w", n+1, head.Answers, err)
		}
		series, err := line.series()
		if err != nil {
			return fmt.Errorf("answer %d of %d: %w", n+1, head.Answers, err)
		}
		var said error
		if line.Error != "" {
			said = errors.New(line.Error)
		}
		if a.keep(line.query, series, said); a.lost > 0 {
			return fmt.Errorf("answer %d of %d: more than %d points in %d answers", n+1, head.Answers, answerPointsMax, answersMax)
		}
	}
	return nil
}

func (l answerLine) series() ([]gameday.Series, error) {
	result := make([]gameday.Series, 0, len(l.Series))
	for _, s := range l.Series {
		if len(s.At) != len(s.Values) {
			return nil, fmt.Errorf("%d times and %d values", len(s.At), len(s.Values))
		}
		points := make([]gameday.Point, len(s.At))
		for i, text := range s.Values {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, err
			}
			points[i] = gameday.Point{At: s.At[i], Value: value}
		}
		result = append(result, gameday.Series{Labels: s.Labels, Points: points})
	}
	return result, nil
}
