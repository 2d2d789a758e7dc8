package scenarios

import (
	"fmt"

	gameday "github.com/gameday-dev/gameday"
)

// againstRecording stands where a comparison has no primary.
const againstRecording = "recording"

// fromText takes the expression of a promise about answers.
func (b *DiffBound) fromText(text string) { b.Expr = text }

// ParseDiffBound reads a promise about compared answers, such as "wrong <= 0.1%". Only Text, Class, Op and Limit of the answer are set; the error is an
// [*ExpressionError].
func ParseDiffBound(text string) (gameday.DiffBound, error) {
	if len(text) > expressionMax {
		return gameday.DiffBound{}, token{text: text}.wrong("", "the promise is longer than %d bytes", expressionMax)
	}
	words := tokens(text)
	if err := wordCount(words, 3, "CLASS OP SHARE, such as wrong <= 0.1%"); err != nil {
		return gameday.DiffBound{}, err
	}
	class, err := words[0].diffClass()
	if err != nil {
		return gameday.DiffBound{}, err
	}
	op, err := words[1].op()
	if err != nil {
		return gameday.DiffBound{}, err
	}
	limit, err := words[2].limit(unitRatio)
	if err != nil {
		return gameday.DiffBound{}, err
	}
	if bad := class == gameday.DiffWrong || class == gameday.DiffError; bad && op[0] == '>' {
		return gameday.DiffBound{}, words[1].wrong("", "%s %s would promise to be bad", class, op)
	}
	return gameday.DiffBound{Text: joinWords(words), Class: class, Op: op, Limit: limit}, nil
}

// diffClass returns the class that a word names.
func (t token) diffClass() (gameday.DiffClass, error) {
	names := make([]string, len(gameday.DiffClasses))
	for i, class := range gameday.DiffClasses {
		if names[i] = string(class); names[i] == t.text {
			return class, nil
		}
	}
	return "", t.wrong(suggest(t.text, names), "unknown class of answers %q", t.text)
}

func (c *checker) checkDiff(path string, d Diff) {
	if d.Against != "" && d.Against != againstRecording && checkURL(d.Against) != nil {
		c.value(path+".against", problem{code: codeText, text: fmt.Sprintf("%q is neither recording nor a URL that begins with http:// or https://", d.Against)})
	}
	if d.Secondary != "" {
		c.text(path+".secondary", checkURL(d.Secondary))
		if d.Against == againstRecording {
			c.key(path+".secondary", problem{code: codeConflict, text: "a secondary shows the noise of a primary, and this compares with the recording"})
		}
	}
	c.fields(path+".ignore", d.Ignore, c.DiffField)
	c.fields(path+".fallback", d.Fallback, c.DiffSign)
	c.atMost(path+".expect", len(d.Expect))
	for i, e := range d.Expect {
		at := fmt.Sprintf("%s.expect[%d]", path, i)
		if e.Flow != "" {
			c.flow(at+".flow", e.Flow)
		}
		if c.src.has(at + ".expr") {
			at += ".expr"
		}
		if _, err := ParseDiffBound(e.Expr); err != nil {
			c.expression(at, codeDiff, err)
		}
	}
}

// fields checks a list of fields of answers.
func (c *checker) fields(path string, texts []string, check func(string) error) {
	c.atMost(path, len(texts))
	for i, text := range texts {
		if check != nil {
			c.text(fmt.Sprintf("%s[%d]", path, i), check(text))
		}
	}
}
