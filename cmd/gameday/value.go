package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/buger/goreplay/size"
	"github.com/spf13/pflag"
)

// byteSize is the value of a flag that counts bytes: 256MB.
type byteSize int64

// Set reads the text of a flag.
func (b *byteSize) Set(text string) error {
	var s size.Size
	if err := s.Set(text); err != nil || s <= 0 {
		return fmt.Errorf("%q is no size such as 512KB, 256MB or 2GB", text)
	}
	*b = byteSize(s)
	return nil
}

// String is the value as it is shown in the help; "" when there is none.
func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Type names the value in the help.
func (b *byteSize) Type() string { return "size" }

// share is the value of a flag that is a part of a whole: 10%, or 0.1.
type share float64

// Set reads the text of a flag.
func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0 && v <= 1) {
		return fmt.Errorf("%q is no share such as 10%% or 0.1", text)
	}
	*s = share(v)
	return nil
}

// String is the value as it is shown in the help; "" when there is none.
func (s *share) String() string {
	if *s == 0 {
		return ""
	}
	return fmt.Sprintf("%g%%", 100*float64(*s))
}

// Type names the value in the help.
func (s *share) Type() string { return "share" }

// factor is the value of a flag that multiplies: 2, or 0.5.
type factor float64

// Set reads the text of a flag.
func (x *factor) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%q is no number above 0", text)
	}
	*x = factor(v)
	return nil
}

// String is the value as it is shown in the help.
func (x *factor) String() string { return strconv.FormatFloat(float64(*x), 'g', -1, 64) }

// Type names the value in the help.
func (x *factor) Type() string { return "factor" }

// choice is the value of a flag that is one of a few words.
type choice struct {
	to    *string
	among []string
}

// choose adds a flag that is one of a few words, the first when it is not given.
func choose(f *pflag.FlagSet, to *string, name, usage string, among ...string) {
	*to = among[0]
	f.Var(choice{to, among}, name, usage)
}

// Set reads the text of a flag.
func (c choice) Set(text string) error {
	if !slices.Contains(c.among, text) {
		return fmt.Errorf("%q is none of %s", text, strings.Join(c.among, ", "))
	}
	*c.to = text
	return nil
}

// String is the value as it is shown in the help.
func (c choice) String() string {
	if c.to == nil {
		return ""
	}
	return *c.to
}

// Type names the values in the help.
func (c choice) Type() string { return strings.Join(c.among, "|") }
