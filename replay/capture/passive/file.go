package passive

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A File is a pcap or pcapng file, plain or gzip.
type File struct {
	name   string
	closer io.Closer
	read   func() (Packet, error)
	first  Packet
	err    error // of the first read
	n      int   // packets read

	drops map[int]uint64 // by interface, as the file says
}

var _ Packets = (*File)(nil)

// ErrNoCapture is the error of a file that is neither pcap nor pcapng.
var ErrNoCapture = errors.New("neither pcap nor pcapng")

// OpenFile opens a capture file. The error wraps ErrNoCapture when it is something else.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	file, err := NewFile(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	file.closer = f
	return file, nil
}

// NewFile reads a capture file from r; name stands in errors. Close does not close r.
func NewFile(r io.Reader, name string) (*File, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		gz, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("import %s: %w", name, err)
		}
		in = bufio.NewReaderSize(gz, 256<<10)
	}
	f := &File{name: name, drops: make(map[int]uint64)}
	magic, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("import %s: %w", name, err)
	}
	switch {
	case len(magic) < 4:
		return nil, fmt.Errorf("import %s: %w", name, ErrNoCapture)
	case binary.BigEndian.Uint32(magic) == 0x0a0d0d0a:
		err = f.pcapng(in)
	case slices.Contains([]uint32{0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1}, binary.BigEndian.Uint32(magic)):
		err = f.pcap(in)
	default:
		err = ErrNoCapture
	}
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", name, err)
	}
	f.first, f.err = f.next()
	f.first.Data = slices.Clone(f.first.Data)
	return f, nil
}

func (f *File) pcap(in io.Reader) error {
	r, err := pcapgo.NewReader(in)
	if err != nil {
		return err
	}
	link := uint32(r.LinkType()) & 0xffff // above it some systems note the length of checksums
	f.read = func() (Packet, error) {
		data, ci, err := r.ZeroCopyReadPacketData()
		return packetOf(data, ci, link), err
	}
	return nil
}

func (f *File) pcapng(in io.Reader) error {
	r, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{
		WantMixedLinkType: true, SkipUnknownVersion: true,
		StatisticsCallback: func(id int, s pcapgo.NgInterfaceStatistics) {
			if s.PacketsDropped != pcapgo.NgNoValue64 {
				f.drops[id] = s.PacketsDropped
			}
		},
	})
	if err != nil {
		return err
	}
	f.read = func() (Packet, error) {
		data, ci, err := r.ZeroCopyReadPacketData()
		if err != nil {
			return Packet{}, err
		}
		link, _ := ci.AncillaryData[0].(layers.LinkType)
		return packetOf(data, ci, uint32(link)), nil
	}
	return nil
}

func packetOf(data []byte, ci gopacket.CaptureInfo, link uint32) Packet {
	return Packet{At: ci.Timestamp, Link: link, Data: data, Wire: ci.Length}
}

// Start is the time of the first packet; zero when there is none.
func (f *File) Start() time.Time { return f.first.At }

// Dropped is how many packets the capturing program says it has missed. Only pcapng tells.
func (f *File) Dropped() (n uint64) {
	for _, drops := range f.drops {
		n += drops
	}
	return n
}

// Next returns the next packet.
func (f *File) Next() (Packet, error) {
	if f.n++; f.n == 1 {
		return f.first, f.err
	}
	return f.next()
}

func (f *File) next() (Packet, error) {
	for {
		p, err := f.read()
		switch {
		case errors.Is(err, io.EOF):
			return Packet{}, io.EOF
		case err != nil:
			return Packet{}, fmt.Errorf("import %s: packet %d: %w", f.name, max(f.n, 1), err)
		case len(p.Data) == 0: // a packet of nothing says nothing
			continue
		case p.At.IsZero(): // some pcapng blocks have no time
			p.At = f.first.At
		}
		return p, nil
	}
}

// Close closes the file when OpenFile opened it.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
