package diff

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// noisyByLooks says why two values differ by themselves, judged by what they look like; "" when nothing says so. It
// stands in for a secondary where there is none.
func noisyByLooks(want, got string) string {
	switch {
	case strings.HasPrefix(want, "gd~"):
		return "redacted in the recording"
	case isTime(want) && isTime(got):
		return "both are times"
	case isMadeUp(want) && isMadeUp(got):
		return "both are made up"
	}
	return ""
}

// isTime recognises RFC 3339, HTTP dates, and Unix times of this century's first half in seconds to nanoseconds.
func isTime(s string) bool {
	if len(s) < 10 || len(s) > 40 {
		return false
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		for n > 3e9 {
			n /= 1000
		}
		return n > 1e9 && n < 2.6e9
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	_, err := http.ParseTime(s)
	return err == nil
}

// isMadeUp recognises UUIDs, hashes and tokens: 16 characters or more, with digits and letters, without blanks.
func isMadeUp(s string) bool {
	return len(s) >= 16 && strings.ContainsAny(s, "0123456789") &&
		strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") && !strings.ContainsAny(s, " /:\"{}<>")
}

// The thresholds of noise between primary and secondary are Diffy's: a field is wrong when it differs from the primary
// more often than the secondary does, by 20 % of both together, and in more than 0.03 % of all answers.
const (
	noiseRelative = 0.20
	noiseAbsolute = 0.0003
)

// noisyByCount says why a field that differed in count of total answers is noise, given how often primary and
// secondary differed there; "" when it is not.
func noisyByCount(count, noise, total int64) string {
	switch {
	case noise == 0:
		return ""
	case float64(count)/float64(max(total, 1)) <= noiseAbsolute, count <= noise, float64(count-noise) <= noiseRelative*float64(count+noise):
		return "primary and secondary differ there as often"
	}
	return ""
}
