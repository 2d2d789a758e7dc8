package tape_test

import (
	"bytes"
	"encoding/binary"
	"io"
)

func readerAt(b []byte) io.ReaderAt { return bytes.NewReader(b) }

// frameOffsets walks a whole tape by the format page, not by the code under test.
func frameOffsets(b []byte) (offsets []int64) {
	for at := 8; at+52 <= len(b) && string(b[at:at+4]) == "GDFR"; {
		offsets = append(offsets, int64(at))
		at += 52 + int(binary.LittleEndian.Uint32(b[at+8:]))
	}
	return offsets
}
