package reports

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/gameday-dev/gameday"
)

type suite struct {
	XMLName  xml.Name  `xml:"testsuite"`
	Name     string    `xml:"name,attr"`
	Tests    int       `xml:"tests,attr"`
	Failures int       `xml:"failures,attr"`
	Errors   int       `xml:"errors,attr"`
	Skipped  int       `xml:"skipped,attr"`
	Time     string    `xml:"time,attr"`
	Started  string    `xml:"timestamp,attr"`
	Cases    []oneCase `xml:"testcase"`
}

type oneCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *message `xml:"failure,omitempty"`
	Error   *message `xml:"error,omitempty"`
}

type message struct {
	Text string `xml:"message,attr"`
	Body string `xml:",chardata"`
}

// JUnit writes one test case per finding and one for the verdict as a whole, so that a run that is
// INCONCLUSIVE turns a build red even when no single expectation failed. What could not be judged is an
// error; a miss that only warns is no failure.
func JUnit(w io.Writer, s Summary) error {
	out := suite{Name: s.Plan.Name, Time: fmt.Sprintf("%.3f", s.Seconds), Started: s.Meta.Started.UTC().Format("2006-01-02T15:04:05")}
	verdict := oneCase{Class: s.Plan.Name, Name: "verdict"}
	switch s.Verdict.Result {
	case gameday.ResultPass:
	case gameday.ResultFail:
		verdict.Failure = &message{Text: s.Verdict.Sentence}
	default:
		verdict.Error = &message{Text: string(s.Verdict.Result) + ": " + s.Verdict.Sentence}
	}
	out.Cases = append(out.Cases, verdict)
	for _, f := range s.Verdict.Findings {
		out.Cases = append(out.Cases, testCase(s.Plan.Name, f))
	}
	for _, c := range out.Cases {
		out.Tests++
		if c.Failure != nil {
			out.Failures++
		}
		if c.Error != nil {
			out.Errors++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("encode junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func testCase(scenario string, f gameday.Finding) oneCase {
	c := oneCase{Class: scenario, Name: called(f)}
	if f.Severity == gameday.SeverityWarn {
		return c
	}
	m := &message{Text: fmt.Sprintf("expected %s, observed %s", f.Expected, f.Observed), Body: f.Why + "\n" + f.Source}
	switch f.Outcome {
	case gameday.Fail:
		c.Failure = m
	case gameday.Unknown:
		c.Error = m
	case gameday.Pass:
	}
	return c
}
