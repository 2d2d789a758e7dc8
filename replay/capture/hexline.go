package capture

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// hexLine appends a record of a .gor file in the form of the middleware's protocol: hex digits, and the end of the line.
func hexLine(to []byte, head string, payload []byte) []byte {
	to = hex.AppendEncode(to, []byte(head))
	return append(hex.AppendEncode(to, payload), '\n')
}

// tell writes the questions to the program, until there are no more or it does not read any more.
func (m *Middleware) tell() {
	w := bufio.NewWriterSize(m.child.in, 64<<10)
	var err error
	for q := range m.in {
		if a := q.answer; a != nil && err == nil {
			head := gorHead('3', gorID(a.Exchange), a.Sent, a.Service)
			q.text = hexLine(nil, head, answerPayload(a.Method, a.Status, a.Header, a.Body, nil))
		}
		if err == nil {
			_, err = w.Write(q.text)
		}
		if err == nil && len(m.in) == 0 {
			err = w.Flush()
		}
		m.told(q.size, err)
	}
	if err == nil {
		_ = w.Flush() // who does not read the end of it has ended, which shows elsewhere
	}
	_ = m.child.in.Close() // the same
}

// told notes that a question is out of the queue.
func (m *Middleware) told(size int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queued -= size
	m.deaf = err != nil
	m.sign = time.Now()
}

// hear reads what the program says, to its end.
func (m *Middleware) hear() {
	defer close(m.over)
	r := bufio.NewReaderSize(m.child, 64<<10)
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line) <= hexLineMax {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(line) > 0 {
			m.listen(bytes.TrimRight(line, "\r\n"))
		}
		if line = line[:0]; cap(line) > 1<<20 {
			line = nil
		}
		if err != nil {
			failed := m.child.end() != nil
			m.mu.Lock()
			m.ended, m.failed = true, failed || !m.finished
			m.mu.Unlock()
			return
		}
	}
}

// listen takes one line.
func (m *Middleware) listen(line []byte) {
	record, h, err := decodeLine(line)
	if err == nil {
		m.take(h, record[h.size:])
		return
	}
	m.mu.Lock()
	m.garbled(err)
	m.mu.Unlock()
}

// decodeLine reads a line of the protocol.
func decodeLine(line []byte) (record []byte, h gorHeader, err error) {
	if len(line) > hexLineMax {
		return nil, h, fmt.Errorf("a line exceeds the limit of %d MiB", hexLineMax>>20)
	}
	record = make([]byte, hex.DecodedLen(len(line)))
	if _, err = hex.Decode(record, line); err != nil {
		return nil, h, fmt.Errorf("%q is not in hex digits: what is not for gameday belongs on standard error", shorten(string(line)))
	}
	h, ok := parseGorHeader(record)
	if !ok {
		return nil, h, fmt.Errorf("%q is not a header (type, id, time, latency)", shorten(string(firstLine(record))))
	}
	return record, h, nil
}
