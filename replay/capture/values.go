package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// values reads a stream of JSON texts, one bounded value at a time.
type values struct {
	d       *json.Decoder
	in      *io.LimitedReader
	at      int64
	entered int
	within  bool // an object: the end of the file is no end here
}

func newValues(r io.Reader) *values {
	in := &io.LimitedReader{R: r}
	return &values{d: json.NewDecoder(in), in: in}
}

// place is where the value read last begins.
func (v *values) place() string { return fmt.Sprintf(": byte %d", v.at) }

// next reads one value. io.EOF is the end of the stream between values.
func (v *values) next(raw *json.RawMessage) error {
	v.allow()
	err := v.d.Decode(raw)
	return v.explain(err)
}

func (v *values) allow() {
	v.at = v.d.InputOffset()
	v.in.N = entryMax
}

func (v *values) explain(err error) error {
	if err != nil && v.in.N <= 0 {
		return fmt.Errorf("a value of more than %d MiB: split the file", entryMax>>20)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && v.within {
		return errors.New("the file ends in the middle")
	}
	return err
}

// enter goes to the array at the path of keys in the next object.
func (v *values) enter(path ...string) error {
	v.allow()
	v.entered = 0
	for _, key := range path {
		if err := v.delim('{'); err != nil {
			return err
		}
		v.entered++
		v.within = true
		if err := v.seek(key); err != nil {
			return err
		}
	}
	v.entered++
	return v.delim('[')
}

func (v *values) delim(want json.Delim) error {
	t, err := v.d.Token()
	if err == nil && t != want {
		return fmt.Errorf("want %s, have %v", want, t)
	}
	return v.explain(err)
}

// seek goes behind a key of the object.
func (v *values) seek(key string) error {
	for v.d.More() {
		t, err := v.d.Token()
		if err != nil {
			return v.explain(err)
		}
		if t == key {
			return nil
		}
		if err := v.skip(); err != nil {
			return err
		}
	}
	return fmt.Errorf("no %q in the object", key)
}

func (v *values) skip() error {
	var raw json.RawMessage
	v.in.N = entryMax
	return v.explain(v.d.Decode(&raw))
}

// element reads the next value of the array; more is false at its end.
func (v *values) element(raw *json.RawMessage) (more bool, err error) {
	v.allow()
	if !v.d.More() {
		return false, v.delim(']')
	}
	err = v.explain(v.d.Decode(raw))
	v.at = v.d.InputOffset() - int64(len(bytes.TrimSpace(*raw)))
	return err == nil, err
}

// leave goes behind the objects that enter went into.
func (v *values) leave() error {
	for range v.entered - 1 {
		for v.d.More() {
			if _, err := v.d.Token(); err != nil {
				return v.explain(err)
			}
			if err := v.skip(); err != nil {
				return err
			}
		}
		if err := v.delim('}'); err != nil {
			return err
		}
	}
	v.within = false
	return nil
}
