//go:build linux

package main

import (
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// decodings is how often a tape is read, so that the start of the process does not matter.
const decodings = 20

// stored is one form of a recording.
type stored struct {
	name     string
	bytes    int64
	records  int
	frames   int     // of a tape
	unpacked int64   // bytes of a tape before compression
	cpu      float64 // seconds to read it decodings times; 0 where nobody reads it alone
	noise    noise
}

// perSecondOfCPU is how much is decoded, in bytes.
func (s stored) perSecondOfCPU() float64 { return decodings * float64(s.unpacked) / s.cpu }

// perRecord is what reading one takes, in microseconds.
func (s stored) perRecord() float64 { return 1e6 * s.cpu / (decodings * float64(s.records)) }

// The forms of a recording.
const (
	packedTape = "tape, packed"
	asRecorded = "tape, as recorded"
)

// perFrame is how many requests are recorded in the time of a frame, at the rate of the recording.
const perFrame = 5

// taped measures how large a tape is and what reading it takes.
func (b *bench) taped(ctx context.Context) (section, error) {
	all, err := readTape(shopTape, math.MaxInt, func(*replay.Exchange) bool { return true })
	if err != nil {
		return section{}, err
	}
	small, plain, packed := b.path("small.gdtape"), b.path("shop.gor"), b.path("shop.gor.gz")
	err = errors.Join(
		recorded(small, all, perFrame),
		create(plain, func(w io.Writer) error { return gorOf(w, all) }),
		create(packed, func(w io.Writer) error {
			z := gzip.NewWriter(w) // as gor compresses
			return errors.Join(gorOf(z, all), z.Close())
		}))
	if err != nil {
		return section{}, err
	}
	forms := []stored{{name: packedTape}, {name: asRecorded}, {name: ".gor"}, {name: ".gor.gz"}}
	for i, path := range []string{shopTape, small, plain, packed} {
		b.progress("%s", forms[i].name)
		if err := b.read(ctx, &forms[i], path, i < 2); err != nil {
			return section{}, err
		}
		forms[i].records = len(all)
	}
	return storedIn(forms), nil
}

func (b *bench) read(ctx context.Context, s *stored, path string, isTape bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	s.bytes = info.Size()
	if !isTape {
		return nil
	}
	about, err := tape.ReadInfo(path)
	if err != nil {
		return err
	}
	s.frames, s.unpacked = about.Frames, about.Unpacked
	self, err := os.Executable()
	if err != nil {
		return err
	}
	heard := watchNoise()
	u, err := b.client(ctx, nil, self, "decode", "-times", fmt.Sprint(decodings), path)
	s.cpu, s.noise = u.cpu().Seconds(), heard()
	return err
}

// decode reads a tape, again and again.
func decode(args []string) error {
	flags := flag.NewFlagSet("decode", flag.ContinueOnError)
	repeat := flags.Int("times", 1, "how often")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for range *repeat {
		if _, err := readTape(flags.Arg(0), math.MaxInt, func(*replay.Exchange) bool { return false }); err != nil {
			return err
		}
	}
	return nil
}

func storedIn(forms []stored) section {
	s := section{
		title: "A tape on disk, and reading it",
		text: fmt.Sprintf("`%s` in four forms, answers and bodies included. Packed: as a capture leaves it. As recorded: a frame is written every 100 ms, so that a crash loses no more. .gor.gz is gor's file with gor's compression. "+
			"Decoding is CPU time of reading it %d times, of which every byte is checked and every exchange made, and given back as a replay does; MB are those before compression. gor has no way to read and do nothing else.", shopTape, decodings),
		head: []string{"form", "size", "bytes per record", "records per frame", "decoded per second of CPU", "CPU per record", "other load, cores"},
	}
	var packed float64
	byName := map[string]stored{}
	for _, f := range forms {
		byName[f.name] = f
		row := []any{f.name, megabytes(inMegabytes(f.bytes)), f.bytes / int64(f.records)}
		if f.cpu > 0 {
			row = append(row, f.records/max(1, f.frames), megabytes(f.perSecondOfCPU()/1e6), microseconds(f.perRecord()), contest[stored]{{f.name, 0, f.noise, f}}.beside(f.name))
		} else {
			row = append(row, "-", "-", "-", "-")
		}
		s.row(row...)
		if f.name == ".gor.gz" {
			packed = float64(f.bytes)
		}
	}
	whole, small := byName[packedTape], byName[asRecorded]
	if whole.cpu == 0 || small.cpu == 0 || packed == 0 {
		return s
	}
	s.find("tape/size", float64(whole.bytes)/packed, fmt.Sprintf("packed; as recorded, with %d records in a frame, the tape is %s × gor's gzip", small.records/max(1, small.frames), times(float64(small.bytes)/packed)))
	s.find("tape/decode", whole.perSecondOfCPU()/1e6, fmt.Sprintf("packed; as recorded %s", megabytes(small.perSecondOfCPU()/1e6)))
	s.find("tape/record", whole.perRecord(), fmt.Sprintf("packed, a record having %d bytes; as recorded %s", whole.unpacked/int64(whole.records), microseconds(small.perRecord())))
	return s
}
