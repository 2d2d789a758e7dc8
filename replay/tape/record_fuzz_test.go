package tape

import (
	"bytes"
	"testing"
)

// FuzzRecords goes behind the checksums, where FuzzReader seldom comes.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{5, recordExchange, 1, 0, 0, 0})
	f.Add([]byte{9, recordGap, 7, 2, 4, 1, 0, 1, 'x', 0})
	f.Add([]byte{11, recordMessage, 8, 2, 0, 0, 0, 1, 1, 1, 0, 'x'})
	f.Add([]byte{24, recordExchange, 22, bitBodyElsewhere, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{library: &library{file: &file{r: bytes.NewReader(b), size: int64(len(b))}, keep: true}}
		d.reset(b, 0)
		for {
			r, err := d.next()
			if err != nil || r == (decoded{}) {
				return
			}
			if r.exchange != nil { // the next is made of it
				d.again = append(d.again, r.exchange)
			}
		}
	})
}
