package redact

import "strings"

// named replaces what follows a secret name in plain text: password=x, token: "x", <secret>x</secret>.
func (p *pass) named(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '=' && c != ':' && c != '>' {
			continue
		}
		name := nameBefore(s[done:i])
		if name == "" || !p.form.has(name) {
			continue
		}
		from, to := valueAfter(s, i+1, c == '>')
		if from == to {
			continue
		}
		p.at(name, func() {
			out.WriteString(s[done:from])
			out.WriteString(p.secret(patternName, s[from:to]))
		})
		done, i = to, to-1
	}
	if done == 0 {
		return s
	}
	return out.String() + s[done:]
}

// nameBefore is the word that a text ends with, quotes and blanks behind it aside.
func nameBefore(s string) string {
	end := len(strings.TrimRight(s, " \t\"'"))
	from := end
	for from > 0 && end-from <= nameMax && (isWord(s[from-1]) || s[from-1] == '-') {
		from--
	}
	return s[from:end]
}

// valueAfter finds the value from at on: within its quotes, or up to the next tag in markup, or a word.
func valueAfter(s string, at int, markup bool) (from, to int) {
	rest := s[at:]
	from = len(rest) - len(strings.TrimLeft(rest, " \t"))
	stop := " \t\r\n\"'&,;<>)}]"
	switch {
	case markup:
		stop = "<\r\n"
	case from < len(rest) && (rest[from] == '"' || rest[from] == '\''):
		stop = rest[from:from+1] + "\r\n"
		from++
	}
	to = len(rest)
	if n := strings.IndexAny(rest[from:], stop); n >= 0 {
		to = from + n
	}
	return at + from, at + to
}
