package passive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
)

func TestHeaderLines(t *testing.T) {
	type fields = replay.Header
	for _, c := range []struct {
		sentence, text string
		want           fields
		err            error
	}{
		{"lines end with CRLF, or with a line feed alone", "A: 1\r\nB: 2\nC:3", fields{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}, {Name: "C", Value: "3"}}, nil},
		{"blanks around a value, and behind a name, do not belong to it", "A \t: \t1 2\t \r\n", fields{{Name: "A", Value: "1 2"}}, nil},
		{"what follows an empty line is no header", "A: 1\r\n\r\nB: 2\r\n", fields{{Name: "A", Value: "1"}}, nil},
		{"the same line twice is there twice", "A: 1\r\nA: 1\r\n", fields{{Name: "A", Value: "1"}, {Name: "A", Value: "1"}}, nil},
		{"an obsolete continuation line belongs to the one before", "A: 1\r\n\t 2 \r\nB: 3\r\n", fields{{Name: "A", Value: "1 2"}, {Name: "B", Value: "3"}}, nil},
		{"and to none when it is the first", " A: 1\r\n", nil, errContinuation},
		{"a line needs a name", ": 1\r\n", nil, errNoName},
		{"and a colon", "A\r\n", nil, errNoName},
		{"lines are not without number", strings.Repeat("A: 1\r\n", fieldsMax+1), nil, errTooMany},
		{"none is a header too", "\r\n", nil, nil},
	} {
		l := newLines()
		for _, time := range []string{"new", "known"} {
			h, err := l.header([]byte(c.text))
			require.ErrorIs(t, err, c.err, "%s: %s", time, c.sentence)
			require.Equal(t, c.want, h, "%s: %s", time, c.sentence)
		}
	}
}

// TestKnownLinesAreBounded reads more different lines than are kept, long ones among them, and each as what it is.
func TestKnownLinesAreBounded(t *testing.T) {
	l := newLines()
	for range 2 {
		for i := range 4 * linesMax {
			value := fmt.Sprint(i, strings.Repeat("x", i%(2*lineKept)))
			h, err := l.header([]byte("X-Number: " + value + "\r\nAccept: */*\r\n\r\n"))
			require.NoError(t, err)
			require.Equal(t, replay.Header{{Name: "X-Number", Value: value}, {Name: "Accept", Value: "*/*"}}, h)
		}
	}
	for _, one := range l.known {
		require.LessOrEqual(t, len(one.text), lineKept)
	}
}

// TestAKnownLineIsNotCopied is why lines are kept.
func TestAKnownLineIsNotCopied(t *testing.T) {
	l, head := newLines(), []byte("Host: shop\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n")
	_, _ = l.header(head)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = l.header(head) }), 1.0, "but for the header")
}
