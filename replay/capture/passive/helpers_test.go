package passive_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

var (
	client = netip.MustParseAddrPort("10.0.0.1:40000")
	server = netip.MustParseAddrPort("10.0.0.2:8080")
	monday = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

// shelf is a recorder that keeps everything.
type shelf struct {
	exchanges []*replay.Exchange
	messages  []*replay.Message
	gaps      []replay.Gap
	ledger    replay.Ledger
}

func (s *shelf) Record(x *replay.Exchange) error {
	own := *x
	own.Header, own.Body = slices.Clone(x.Header), slices.Clone(x.Body)
	if x.Response != nil {
		r := *x.Response
		r.Header, r.Body = slices.Clone(r.Header), slices.Clone(r.Body)
		own.Response = &r
	}
	s.exchanges = append(s.exchanges, &own)
	return nil
}

func (s *shelf) Message(m *replay.Message) error {
	s.messages = append(s.messages, m)
	return nil
}

func (s *shelf) Gap(g replay.Gap) error {
	s.gaps = append(s.gaps, g)
	return nil
}

func (s *shelf) Account(source string, c replay.Counts) error {
	s.ledger = replay.Ledger{source: c}
	return nil
}

// packets are frames as a source.
type packets struct {
	frames []tcptest.Frame
	next   int
}

func (p *packets) Next() (passive.Packet, error) {
	if p.next == len(p.frames) {
		return passive.Packet{}, io.EOF
	}
	f := p.frames[p.next]
	p.next++
	return passive.Packet{At: f.At, Link: uint32(tcpstream.LinkEthernet), Data: f.Data, Wire: len(f.Data)}, nil
}

func (p *packets) Dropped() uint64 { return 0 }
func (p *packets) Close() error    { return nil }

// capture runs a capture of the frames.
func captured(t testing.TB, frames []tcptest.Frame, ports ...uint16) (*shelf, replay.Counts) {
	s := new(shelf)
	o := passive.Options{Options: capture.Options{Source: "test", Start: monday, Wait: true}, Ports: ports}
	watch := passive.New(&packets{frames: frames}, s, o)
	require.NoError(t, watch.Run(context.Background()))
	counts := watch.Counts()
	require.EqualValues(t, len(s.exchanges), counts.Captured)
	if len(frames) > 0 {
		require.Equal(t, counts, s.ledger["test"])
	}
	slices.SortStableFunc(s.exchanges, func(a, b *replay.Exchange) int { return cmp.Compare(a.At, b.At) })
	return s, counts
}

// say builds a connection from lines: "> text" is a packet of the client, "< text" one of the server. "" closes both ends.
// \r\n has to be written.
func say(lines ...string) *tcptest.Talk {
	talk := &tcptest.Talk{Client: client, Server: server, Now: monday, MSS: 1 << 15}
	talk.Open()
	for _, line := range lines {
		talk.Now = talk.Now.Add(time.Millisecond)
		switch text := line[min(2, len(line)):]; {
		case strings.HasPrefix(line, "> "):
			talk.Send(false, []byte(text))
		case strings.HasPrefix(line, "< "):
			talk.Send(true, []byte(text))
		default:
			talk.Close(true)
			talk.Close(false)
		}
	}
	return talk
}

// brief writes an exchange in one line.
func brief(x *replay.Exchange) string {
	var b bytes.Buffer
	b.WriteString(x.Method + " " + x.Target)
	if len(x.Body) > 0 {
		b.WriteString(" " + string(x.Body))
	}
	r := x.Response
	if r == nil {
		return b.String() + " -> nothing"
	}
	b.WriteString(" -> " + string(rune('0'+r.Status/100)) + string(rune('0'+r.Status/10%10)) + string(rune('0'+r.Status%10)))
	if len(r.Body) > 0 {
		b.WriteString(" " + string(r.Body))
	}
	if r.Cut {
		b.WriteString(" (cut)")
	}
	return b.String()
}

func briefs(s *shelf) []string {
	all := []string{}
	for _, x := range s.exchanges {
		all = append(all, brief(x))
	}
	return all
}

// load is requests over 50 connections, as a capture holds them.
func load(requests, body int) []tcptest.Frame {
	var talks []*tcptest.Talk
	var frames []tcptest.Frame
	for i := range 50 {
		talk := &tcptest.Talk{
			Client: netip.AddrPortFrom(client.Addr(), uint16(20_000+i)), Server: server, Now: monday.Add(time.Duration(i) * time.Microsecond),
		}
		talk.Open()
		talks = append(talks, talk)
	}
	for i := range requests {
		talk := talks[i%len(talks)]
		talk.Send(false, fmt.Appendf(nil, "POST /item/%d HTTP/1.1\r\nHost: shop\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Length: %d\r\n\r\n%s",
			i, body, strings.Repeat("x", body)))
		talk.Send(true, []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"))
		frames = append(frames, talk.Frames...)
		talk.Frames = nil
	}
	return frames
}
