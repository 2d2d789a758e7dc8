package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

const lineMax = 1 << 20

// lines reads lines of at most 1 MiB, and counts them.
type lines struct {
	r      *bufio.Reader
	number int // of the line read last, from 1
	long   func(error)
}

// place is where the line is, for problems.
func (l *lines) place() string { return ":" + strconv.Itoa(l.number) }

// next returns a line without its end; of a longer one it reports the problem and returns nothing. With io.EOF comes the
// last line, when it has no end.
func (l *lines) next() ([]byte, error) {
	l.number++
	var long []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if err == nil && long == nil {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		if len(long)+len(part) <= lineMax {
			long = append(long, part...)
		} else if len(long) <= lineMax {
			l.long(fmt.Errorf("line exceeds the limit of %d bytes", lineMax))
			long = append(long[:0], make([]byte, lineMax+1)...) // stays over the limit to its end
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(long) > lineMax {
			return nil, err
		}
		return bytes.TrimRight(long, "\r\n"), err
	}
}
