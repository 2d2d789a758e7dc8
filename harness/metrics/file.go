package metrics

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// FileName is the name of the samples' file in its directory.
const FileName = "samples.gdm"

// The parts of the file format; see the package documentation.
const (
	fileMagic   = "GDMX\x00\x00\x00\x01" // the last byte is the version
	frameStart  = 'H'
	frameSeries = 'S'
	frameEnd    = 'E'
	frameLimit  = 64 << 20 // bytes of one frame
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save writes all samples to dir, which must exist, as one file that replaces an older one only when it is whole and
// on disk. Samples that come in meanwhile may be left out.
func (s *Store) Save(dir string) (err error) {
	path := filepath.Join(dir, FileName)
	f, err := os.CreateTemp(dir, FileName+".*")
	if err != nil {
		return fmt.Errorf("save metrics: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("save metrics to %s: %w", path, err), f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := s.encode(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return f.Close()
}

func (s *Store) encode(to io.Writer) error {
	if _, err := io.WriteString(to, fileMagic); err != nil {
		return err
	}
	z, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	w := frames{to: z}
	w.write(binary.AppendVarint([]byte{frameStart}, s.start.UnixMilli()))
	var samples, count uint64
	for _, one := range s.all() {
		payload, n := appendSeries([]byte{frameSeries}, one)
		if n > 0 {
			w.write(payload)
			count, samples = count+1, samples+n
		}
	}
	w.write(binary.AppendUvarint(binary.AppendUvarint([]byte{frameEnd}, count), samples))
	return errors.Join(w.err, z.Close())
}

func appendSeries(to []byte, s *series) (payload []byte, samples uint64) {
	to = binary.AppendUvarint(to, uint64(s.labels.Len()))
	s.labels.Range(func(l labels.Label) {
		to = appendBytes(appendBytes(to, l.Name), l.Value)
	})
	chunks := s.snapshot()
	to = binary.AppendUvarint(to, uint64(len(chunks)))
	for _, c := range chunks {
		to = appendBytes(to, c)
		samples += uint64(binary.BigEndian.Uint16(c))
	}
	return to, samples
}

func appendBytes[T string | []byte](to []byte, b T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}

// frames writes framed payloads and remembers the first error.
type frames struct {
	to  io.Writer
	err error
}

func (f *frames) write(payload []byte) {
	if f.err != nil {
		return
	}
	frame := appendBytes(nil, payload)
	frame = binary.BigEndian.AppendUint32(frame, crc32.Checksum(payload, castagnoli))
	_, f.err = f.to.Write(frame)
}

// Load reads what Save wrote to dir. Its limits are those of a new store: a file that exceeds them is refused.
func Load(dir string) (*Store, error) {
	path := filepath.Join(dir, FileName)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load metrics: %w", err)
	}
	defer f.Close()
	s, err := decode(f, Limits{})
	if err != nil {
		return nil, fmt.Errorf("load metrics from %s: %w", path, err)
	}
	return s, nil
}

func decode(from io.Reader, limits Limits) (*Store, error) {
	var magic [len(fileMagic)]byte
	if _, err := io.ReadFull(from, magic[:]); err != nil || string(magic[:4]) != fileMagic[:4] {
		return nil, errors.New("not a file of samples")
	}
	if string(magic[:]) != fileMagic {
		return nil, fmt.Errorf("version %d of the format is not known; read it with the gameday that wrote it", magic[len(magic)-1])
	}
	z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(32<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	l := loader{from: bufio.NewReader(z)}
	first, err := l.next()
	if err != nil {
		return nil, err
	}
	if first.kind() != frameStart {
		return nil, errDamaged
	}
	s := NewStore(time.UnixMilli(first.varint()), limits)
	return s, l.load(s)
}

var errDamaged = errors.New("damaged: a frame does not make sense")

// loader reads frames into a store.
type loader struct {
	from            *bufio.Reader
	series, samples uint64
}

func (l *loader) load(into *Store) error {
	for {
		p, err := l.next()
		if err != nil {
			return err
		}
		switch p.kind() {
		case frameSeries:
			if err := l.add(into, p); err != nil {
				return err
			}
		case frameEnd:
			if p.uvarint() != l.series || p.uvarint() != l.samples || p.bad {
				return errDamaged
			}
			return nil
		default:
			return errDamaged
		}
	}
}

// next returns the payload of the next frame, checked.
func (l *loader) next() (*payload, error) {
	size, err := binary.ReadUvarint(l.from)
	if err != nil {
		return nil, cutOff(err)
	}
	if size > frameLimit {
		return nil, errDamaged
	}
	// Grown while reading: a length that lies costs no more memory than the file has bytes.
	body, err := io.ReadAll(io.LimitReader(l.from, int64(size)))
	if err != nil {
		return nil, cutOff(err)
	}
	var sum [4]byte
	if uint64(len(body)) < size {
		return nil, cutOff(io.ErrUnexpectedEOF)
	}
	if _, err := io.ReadFull(l.from, sum[:]); err != nil {
		return nil, cutOff(err)
	}
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(sum[:]) {
		return nil, errors.New("damaged: a checksum does not match")
	}
	return &payload{rest: body}, nil
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("cut off: the run was interrupted while saving")
	}
	return err
}

// add puts one series into the store, after reading every sample of it: what queries trust later is known to be sound.
func (l *loader) add(into *Store, p *payload) error {
	b := labels.NewScratchBuilder(8)
	for n := p.uvarint(); n > 0 && !p.bad; n-- {
		b.Add(p.text(), p.text())
	}
	b.Sort()
	if p.bad {
		return errDamaged
	}
	s := into.series(b.Labels())
	if s == nil {
		return errors.New("a series exceeds the limits or has invalid labels")
	}
	if len(s.chunks) > 0 {
		return errDamaged // the same series twice
	}
	l.series++
	for n := p.uvarint(); n > 0 && !p.bad; n-- {
		if err := l.addChunk(into, s, p.bytes()); err != nil {
			return err
		}
	}
	if p.bad || len(p.rest) > 0 {
		return errDamaged
	}
	return nil
}

func (l *loader) addChunk(into *Store, s *series, raw []byte) error {
	if len(raw) < 2 {
		return errDamaged
	}
	chunk := chunkenc.NewXORChunk()
	chunk.Reset(append([]byte(nil), raw...))
	read := 0
	it := chunk.Iterator(nil)
	for ; it.Next() != chunkenc.ValNone; read++ {
		t, _ := it.At()
		if len(s.chunks) == 0 && read == 0 {
			s.last = t - 1
		}
		if t <= s.last {
			return errDamaged
		}
		s.last = t
	}
	if it.Err() != nil || read == 0 || read != chunk.NumSamples() {
		return errDamaged
	}
	open, err := chunk.Appender()
	if err != nil {
		return errDamaged
	}
	s.chunks, s.open = append(s.chunks, chunk), open
	l.samples += uint64(read)
	if into.samples.Add(int64(read)) > into.limits.Samples {
		return fmt.Errorf("more than %d samples", into.limits.Samples)
	}
	return nil
}

// payload is read from its front; bad is set once it turns out too short.
type payload struct {
	rest []byte
	bad  bool
}

func (p *payload) kind() byte {
	if len(p.rest) == 0 {
		p.bad = true
		return 0
	}
	k := p.rest[0]
	p.rest = p.rest[1:]
	return k
}

func (p *payload) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	return number(p, v, n)
}

func (p *payload) varint() int64 {
	v, n := binary.Varint(p.rest)
	return number(p, v, n)
}

func number[T int64 | uint64](p *payload, v T, n int) T {
	if n <= 0 {
		p.bad, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *payload) bytes() []byte {
	n := p.uvarint()
	if n > uint64(len(p.rest)) {
		p.bad, p.rest = true, nil
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *payload) text() string { return string(p.bytes()) }
