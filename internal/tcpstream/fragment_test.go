package tcpstream_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
)

// fragmented is a conversation of which the packet with the request comes in three pieces.
func fragmented(client, server string) (before, pieces, after []tcptest.Frame) {
	talk := &tcptest.Talk{Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort(server), Now: monday}
	talk.Open()
	talk.Send(false, []byte(request))
	talk.Send(true, []byte("answer"))
	const at = 3
	return talk.Frames[:at], tcptest.Fragment(talk.Frames[at], 400, 7), talk.Frames[at+1:]
}

var request = strings.Repeat("request ", 100)

func TestFragmentsBecomePackets(t *testing.T) {
	families := map[string][2]string{
		"IPv4": {"10.0.0.1:40000", "10.0.0.2:80"},
		"IPv6": {"[fd00::1]:40000", "[fd00::2]:80"},
	}
	for _, c := range []struct {
		name    string
		network func(pieces []tcptest.Frame) []tcptest.Frame
		whole   bool
		lost    int // pieces
	}{
		{"pieces in order", func(p []tcptest.Frame) []tcptest.Frame { return p }, true, 0},
		{"pieces in reverse", func(p []tcptest.Frame) []tcptest.Frame { slices.Reverse(p); return p }, true, 0},
		{"a piece comes twice", func(p []tcptest.Frame) []tcptest.Frame { return []tcptest.Frame{p[1], p[1], p[0], p[2]} }, true, 0},
		{"a piece is missing", func(p []tcptest.Frame) []tcptest.Frame { return p[:2] }, false, 2},
		{"the last piece alone", func(p []tcptest.Frame) []tcptest.Frame { return p[2:] }, false, 1},
		{"pieces overlap", func(p []tcptest.Frame) []tcptest.Frame {
			wide := tcptest.Fragment(join(p), 800, 7)
			return []tcptest.Frame{p[1], wide[0], p[2]}
		}, false, 3},
	} {
		for family, ends := range families {
			t.Run(family+", "+c.name, func(t *testing.T) {
				before, pieces, after := fragmented(ends[0], ends[1])
				frames := slices.Concat(before, c.network(pieces), after)
				conns, stats := play(t, tcpstream.Options{}, frames)
				require.Len(t, conns, 1)
				require.Equal(t, "answer", string(conns[0].stream[tcpstream.ToClient]))
				require.EqualValues(t, c.lost, stats.Ignored[tcpstream.Fragment])
				if c.whole {
					require.Equal(t, request, string(conns[0].stream[tcpstream.ToServer]))
					require.Zero(t, stats.Missing)
				} else {
					require.EqualValues(t, len(request), stats.Missing)
				}
			})
		}
	}
}

// join undoes Fragment.
func join(pieces []tcptest.Frame) tcptest.Frame {
	head := 14 + 20
	v6 := pieces[0].Data[14]>>4 == 6
	if v6 {
		head = 14 + 40 + 8
	}
	whole := pieces[0]
	whole.Data = slices.Clone(whole.Data)
	for _, p := range pieces[1:] {
		whole.Data = append(whole.Data, p.Data[head:]...)
	}
	if v6 {
		whole.Data[14+6] = 6
		whole.Data = slices.Delete(whole.Data, 14+40, head)
		n := len(whole.Data) - 14 - 40
		whole.Data[14+4], whole.Data[14+5] = byte(n>>8), byte(n)
	} else {
		n := len(whole.Data) - 14
		whole.Data[14+2], whole.Data[14+3] = byte(n>>8), byte(n)
	}
	return whole
}

func TestFragmentsThatStayAloneAreBounded(t *testing.T) {
	_, pieces, _ := fragmented("10.0.0.1:40000", "10.0.0.2:80")
	a, _ := assembler(t, tcpstream.Options{})
	packet := func(id int, at time.Time) {
		p := tcptest.Fragment(join(pieces), 400, uint16(id))[0]
		a.Packet(at, tcpstream.LinkEthernet, p.Data, len(p.Data))
	}
	const many = 10_000 // of 400 bytes and what holding each costs: more than 4 MiB
	for id := range many {
		packet(id, monday)
	}
	displaced := a.Stats().Ignored[tcpstream.Fragment]
	require.Greater(t, displaced, uint64(many/3))
	require.Less(t, displaced, uint64(many/2+many/10))
	a.Advance(monday.Add(29 * time.Second))
	require.Equal(t, displaced, a.Stats().Ignored[tcpstream.Fragment], "the kernel waits 30 s")
	a.Advance(monday.Add(31 * time.Second))
	require.EqualValues(t, many, a.Stats().Ignored[tcpstream.Fragment])
}

func TestConnectionsInTunnelsAreToldApartByTheirNetwork(t *testing.T) {
	var frames []tcptest.Frame
	for network, text := range []string{"zero", "one"} {
		talk := newTalk()
		talk.Open()
		talk.Send(false, []byte(text))
		for _, f := range talk.Frames {
			frames = append(frames, tcptest.Tunnel(f, uint32(network)))
		}
	}
	outside := newTalk()
	outside.Open()
	outside.Send(false, []byte("outside"))
	frames = append(frames, outside.Frames...)
	frames = append(frames, tcptest.Tunnel(tcptest.Tunnel(outside.Frames[0], 1), 2))
	frames = append(frames, tcptest.Fragment(tcptest.Tunnel(talkOnce("in pieces"), 9), 48, 1)...)

	conns, stats := play(t, tcpstream.Options{VXLAN: tcptest.VXLANPort}, frames)
	var texts []string
	for _, c := range conns {
		texts = append(texts, string(c.stream[tcpstream.ToServer]))
	}
	require.Equal(t, []string{"zero", "one", "outside", "in pieces"}, texts)
	require.EqualValues(t, 1, stats.Ignored[tcpstream.NotTCP], "a tunnel in a tunnel is not looked into")

	conns, _ = play(t, tcpstream.Options{}, frames)
	require.Len(t, conns, 1, "nobody asked for tunnels")
}

// talkOnce is one packet in the middle of a connection.
func talkOnce(text string) tcptest.Frame {
	talk := newTalk()
	talk.Send(false, []byte(text))
	return talk.Frames[0]
}
