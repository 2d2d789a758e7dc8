package wire

import (
	"encoding/csv"
	"net/url"
	"regexp"
	"strings"
)

// Command returns the line that repeats a call in a shell. It is kept and shown, so values of --set that look like
// secrets, and credentials in a URL, are left out: whoever repeats the call knows them.
func Command(program string, args []string) string {
	words := []string{Quote(program)}
	for i, arg := range args {
		flag, value, given := strings.Cut(arg, "=")
		switch {
		case flag == "--set" && given:
			arg = "--set=" + hidePairs(value)
		case i > 0 && args[i-1] == "--set":
			arg = hidePairs(arg)
		default:
			arg = hideURL(arg)
		}
		words = append(words, Quote(arg))
	}
	return strings.Join(words, " ")
}

// plain is what no POSIX shell takes for anything but itself.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// Quote returns the word as a POSIX shell reads it.
func Quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

const hidden = "xxxxx"

// secretName is what people call a parameter whose value is nobody's business.
var secretName = regexp.MustCompile(`(?i)pass|secret|token|credential|auth|cookie|api.?key|private`)

// hidePairs hides the secrets among "name=value,name=value", as the flag reads it.
func hidePairs(pairs string) string {
	fields, err := csv.NewReader(strings.NewReader(pairs)).Read()
	if err != nil {
		return hidden
	}
	for i, pair := range fields {
		name, value, _ := strings.Cut(pair, "=")
		if secretName.MatchString(name) {
			fields[i] = name + "=" + hidden
		} else if shown := hideURL(value); shown != value {
			fields[i] = name + "=" + shown
		}
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(fields) // memory does not fail, and what it does to a line break is undone when it is read
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// hideURL hides the user and password of a URL. What is none stays as it is.
func hideURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User == nil {
		return text
	}
	u.User = url.User(hidden)
	return u.String()
}
