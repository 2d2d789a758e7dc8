// Package timeshift moves recorded times to the present: dates, Unix times, and the claims of JSON Web Tokens, which
// are signed anew with a test key. What a session asked for in an hour, it asks for in an hour again. See the example.
package timeshift

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// How far from the moment of its recording a value may lie to be taken for a time of the session: dates of birth and
// numbers that only look like times stay as they are.
const (
	DateWindow = 366 * 24 * time.Hour // of dates, both ways
	UnixBefore = 7 * 24 * time.Hour   // of Unix times
	UnixAfter  = 31 * 24 * time.Hour
)

// The kinds of Counts.
const (
	Dates    = "dates"
	Unix     = "unix times"
	Tokens   = "tokens"
	Unsigned = "tokens left as they are: no key" // not moved
)

// Options shape a Shifter. The zero value moves times, and leaves tokens as they are.
type Options struct {
	// Key signs tokens: the PEM of an RSA (RS256) or P-256 (ES256) private key, or any other text, at least 16 bytes, as
	// the secret of HS256.
	Key []byte
}

// A Shifter moves values. It may be used by several goroutines.
type Shifter struct {
	signer *signer // nil without a key

	dates, unix, tokens, unsigned atomic.Int64
}

// New returns a shifter, or says what is wrong with the key.
func New(o Options) (*Shifter, error) {
	s := &Shifter{}
	if o.Key == nil {
		return s, nil
	}
	var err error
	s.signer, err = newSigner(o.Key)
	return s, err
}

// Counts returns how many values were moved so far, by kind.
func (s *Shifter) Counts() map[string]int64 {
	counts := make(map[string]int64)
	for kind, n := range map[string]*atomic.Int64{Dates: &s.dates, Unix: &s.unix, Tokens: &s.tokens, Unsigned: &s.unsigned} {
		if n := n.Load(); n > 0 {
			counts[kind] = n
		}
	}
	return counts
}

// Value returns what takes the place of a value that was part of a request recorded then and sent now; false when it
// is no time. All times of a request move by the same whole seconds, dates without a time of day by days.
func (s *Shifter) Value(value string, recorded, now time.Time) (string, bool) {
	switch {
	case len(value) < len("2006-01-02") || recorded.IsZero():
		return "", false
	case strings.HasPrefix(value, "eyJ"): // base64url of {"
		return s.token(value, now.Sub(recorded).Round(time.Second))
	case len(value) > 40:
		return "", false
	}
	if moved, ok := shiftUnix(value, recorded, now); ok {
		s.unix.Add(1)
		return moved, true
	}
	moved, ok := shiftDate(value, recorded, now)
	if ok {
		s.dates.Add(1)
	}
	return moved, ok
}

// shiftUnix moves Unix times in seconds or milliseconds.
func shiftUnix(value string, recorded, now time.Time) (string, bool) {
	if len(value) != 10 && len(value) != 13 || strings.Trim(value, "0123456789") != "" {
		return "", false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return "", false
	}
	unit, at := int64(1), time.Unix(n, 0)
	if len(value) == 13 {
		unit, at = 1000, time.UnixMilli(n)
	}
	if from := at.Sub(recorded); from < -UnixBefore || from > UnixAfter {
		return "", false
	}
	return strconv.FormatInt(n+unit*int64(now.Sub(recorded).Round(time.Second)/time.Second), 10), true
}

// shiftDate moves dates of RFC 3339, with or without a zone or a time of day, and those of HTTP.
func shiftDate(value string, recorded, now time.Time) (string, bool) {
	layout := layoutOf(value)
	if layout == "" {
		return "", false
	}
	at, err := time.Parse(layout, value)
	if err != nil || at.Sub(recorded).Abs() > DateWindow || at.Format(layout) != value { // it could not be written as it was
		return "", false
	}
	if layout == time.DateOnly {
		days := now.UTC().Truncate(24 * time.Hour).Sub(recorded.UTC().Truncate(24 * time.Hour))
		return at.Add(days).Format(layout), true
	}
	at = at.Add(now.Sub(recorded).Round(time.Second))
	if layout == http.TimeFormat {
		at = at.UTC()
	}
	return at.Format(layout), true
}

// layoutOf returns the layout in which a date seems to be written, so that it can be written so again; "" for none.
func layoutOf(value string) string {
	const clock = "15:04:05"
	switch {
	case value[0] >= 'A' && value[0] <= 'Z':
		return http.TimeFormat
	case value[4] != '-' || value[7] != '-':
		return ""
	case len(value) == len(time.DateOnly):
		return time.DateOnly
	case value[10] != 'T' && value[10] != ' ' || len(value) < len("2006-01-02T15:04:05"):
		return ""
	}
	layout, rest := "2006-01-02"+value[10:11]+clock, value[len("2006-01-02T15:04:05"):]
	if strings.HasPrefix(rest, ".") {
		digits := len(rest) - 1 - len(strings.TrimLeft(rest[1:], "0123456789"))
		if digits == 0 || digits > 9 {
			return ""
		}
		layout, rest = layout+"."+strings.Repeat("0", digits), rest[1+digits:]
	}
	switch {
	case rest == "":
		return layout
	case rest == "Z" || len(rest) == len("+01:00") && rest[3] == ':':
		return layout + zoneOf(rest)
	case len(rest) == len("+0100"):
		return layout + "-0700"
	}
	return ""
}

// zoneOf keeps Z and +00:00 apart.
func zoneOf(zone string) string {
	if zone == "Z" {
		return "Z"
	}
	return "-07:00"
}
