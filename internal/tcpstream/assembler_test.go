package tcpstream_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
)

var (
	v4     = [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:8080")}
	v6     = [2]netip.AddrPort{netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[fd00::2]:8080")}
	monday = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

// watched is a Handler that checks the contract and keeps what it gets; missing bytes become zeros.
type watched struct {
	t      testing.TB
	conn   tcpstream.Conn
	stream [2][]byte
	gaps   [2][]tcpstream.Gap
	ends   [2][]tcpstream.End
	turns  [][2]int // when set: how much of both streams there is after each request and its response
}

func (w *watched) Data(s tcpstream.Segment) {
	require.NotEmpty(w.t, s.Data)
	require.Empty(w.t, w.ends[s.Direction], "data after the end")
	require.EqualValues(w.t, len(w.stream[s.Direction]), s.Offset, "streams have no holes that are not gaps")
	require.LessOrEqual(w.t, s.Acked, int64(len(w.stream[1-s.Direction])))
	w.stream[s.Direction] = append(w.stream[s.Direction], s.Data...)
	for i, turn := range w.turns {
		if len(w.stream[1]) > 0 && (i == 0 || len(w.stream[1]) > w.turns[i-1][1]) {
			require.GreaterOrEqual(w.t, len(w.stream[0]), turn[0], "a request comes before its response")
		}
		if len(w.stream[0]) > turn[0] {
			require.GreaterOrEqual(w.t, len(w.stream[1]), turn[1], "a response comes before the next request")
		}
	}
}

func (w *watched) Gap(g tcpstream.Gap) {
	require.Positive(w.t, g.Bytes)
	require.Empty(w.t, w.ends[g.Direction])
	require.EqualValues(w.t, len(w.stream[g.Direction]), g.Offset)
	w.gaps[g.Direction] = append(w.gaps[g.Direction], g)
	w.stream[g.Direction] = append(w.stream[g.Direction], make([]byte, g.Bytes)...)
}

func (w *watched) End(d tcpstream.Direction, _ int64, how tcpstream.End) {
	w.ends[d] = append(w.ends[d], how)
	require.Len(w.t, w.ends[d], 1)
}

// play gives frames to an Assembler and returns what its connections got.
func play(t testing.TB, o tcpstream.Options, frames []tcptest.Frame, turns ...[2]int) ([]*watched, tcpstream.Stats) {
	a, conns := assembler(t, o, turns...)
	for _, f := range frames {
		a.Packet(f.At, tcpstream.LinkEthernet, f.Data, len(f.Data))
	}
	a.Close()
	for _, c := range *conns {
		require.Len(t, c.ends[0], 1)
		require.Len(t, c.ends[1], 1)
	}
	return *conns, a.Stats()
}

func assembler(t testing.TB, o tcpstream.Options, turns ...[2]int) (*tcpstream.Assembler, *[]*watched) {
	conns := new([]*watched)
	o.Open = func(c tcpstream.Conn) tcpstream.Handler {
		w := &watched{t: t, conn: c, turns: turns}
		*conns = append(*conns, w)
		return w
	}
	return tcpstream.New(o), conns
}

func payload(frames []tcptest.Frame) (n uint64) {
	for _, f := range frames {
		n += uint64(f.Payload)
	}
	return n
}

func accounted(s tcpstream.Stats) uint64 { return s.Delivered + s.Duplicate + s.Early + s.Discarded }

// conversation is a random exchange of messages, with retransmissions that are cut and joined anew. Sequence
// numbers wrap in most.
func conversation(r *rand.Rand) (t *tcptest.Talk, turns [][2]int) {
	ends := v4
	if r.IntN(2) == 0 {
		ends = v6
	}
	t = &tcptest.Talk{
		Client: ends[0], Server: ends[1], Now: monday, Rand: r, MSS: 1 + r.IntN(3000),
		ISN: [2]uint32{-uint32(r.IntN(20_000)), -uint32(r.IntN(20_000))},
	}
	t.Open()
	for range 1 + r.IntN(8) {
		for _, toClient := range []bool{false, true} {
			message := make([]byte, 1+r.IntN(10_000))
			for i := range message {
				message[i] = byte(1 + r.IntN(255))
			}
			t.Send(toClient, message)
			if sent := len(t.Sent(toClient)); r.IntN(3) == 0 {
				from := r.IntN(sent)
				t.Resend(toClient, from, from+1+r.IntN(min(sent-from, 8000)))
			}
		}
		turns = append(turns, [2]int{len(t.Sent(false)), len(t.Sent(true))})
	}
	t.Close(false)
	t.Close(true)
	return t, turns
}

func TestEveryByteIsDeliveredOnceWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		talk, turns := conversation(r)
		frames := tcptest.Shuffle(r, talk.Frames, 3, r.IntN(20))
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			conns, stats := play(t, tcpstream.Options{Ports: []uint16{8080}, ConnHeldMax: 1 << 30}, frames, turns...)
			require.Len(t, conns, 1)
			c := conns[0]
			require.True(t, c.conn.Opened)
			require.Equal(t, talk.Client, c.conn.Client)
			require.Equal(t, talk.Server, c.conn.Server)
			for d, toClient := range []bool{false, true} {
				require.Empty(t, c.gaps[d])
				require.True(t, bytes.Equal(talk.Sent(toClient), c.stream[d]))
				require.Equal(t, tcpstream.Closed, c.ends[d][0])
			}
			require.Equal(t, payload(frames), accounted(stats))
			require.EqualValues(t, len(frames), stats.Packets)
			require.Zero(t, stats.Missing)
		})
	}
}

func TestWhatWasNotCapturedBecomesGapsAndTheRestIsDelivered(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		talk, _ := conversation(r)
		var frames []tcptest.Frame
		for i, f := range tcptest.Shuffle(r, talk.Frames, 3, r.IntN(5)) {
			if i < 3 || f.Payload == 0 || r.IntN(12) > 0 {
				frames = append(frames, f)
			}
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			conns, stats := play(t, tcpstream.Options{ConnHeldMax: 1 << 30}, frames)
			require.Len(t, conns, 1)
			c := conns[0]
			var missing uint64
			for d, toClient := range []bool{false, true} {
				want := bytes.Clone(talk.Sent(toClient))
				missing += blank(want, frames, toClient)
				require.True(t, bytes.Equal(want, c.stream[d]))
				for _, g := range c.gaps[d] {
					require.Equal(t, tcpstream.GapMissed, g.Cause)
				}
			}
			require.Equal(t, missing, stats.Missing)
			require.Equal(t, payload(frames), accounted(stats))
		})
	}
}

// blank overwrites with zeros what no frame carries, and returns how much that is.
func blank(stream []byte, frames []tcptest.Frame, toClient bool) (missing uint64) {
	carried := make([]bool, len(stream))
	for _, f := range frames {
		for i := range f.Payload {
			if f.ToClient == toClient {
				carried[f.Offset+i] = true
			}
		}
	}
	for i := range stream {
		if !carried[i] {
			stream[i] = 0
			missing++
		}
	}
	return missing
}

func newTalk() *tcptest.Talk {
	return &tcptest.Talk{Client: v4[0], Server: v4[1], Now: monday}
}

func TestAConnectionIsPickedUpInTheMiddle(t *testing.T) {
	talk := newTalk()
	talk.Open()
	talk.Send(false, []byte("before"))
	talk.Send(true, []byte("before"))
	from := len(talk.Frames)
	talk.Send(false, []byte("request"))
	talk.Send(true, []byte("response"))
	talk.Resend(false, 0, 13) // the last message coalesced with the one before the pickup
	conns, stats := play(t, tcpstream.Options{}, talk.Frames[from:])
	require.Len(t, conns, 1)
	require.False(t, conns[0].conn.Opened)
	require.Equal(t, v4[0], conns[0].conn.Client, "the lower port is the server's")
	require.Equal(t, "request", string(conns[0].stream[0]))
	require.Equal(t, "response", string(conns[0].stream[1]))
	require.Equal(t, tcpstream.Stopped, conns[0].ends[0][0])
	require.EqualValues(t, 6, stats.Early)
	require.EqualValues(t, 7, stats.Duplicate)
}

func TestThePortToldSaysWhoIsTheServer(t *testing.T) {
	talk := newTalk()
	talk.Client, talk.Server = talk.Server, talk.Client // the server has the higher port
	talk.Open()
	talk.Send(false, []byte("request"))
	conns, _ := play(t, tcpstream.Options{Ports: []uint16{40000}}, talk.Frames[3:])
	require.Equal(t, "request", string(conns[0].stream[tcpstream.ToServer]))
	conns, _ = play(t, tcpstream.Options{}, talk.Frames)
	require.Equal(t, "request", string(conns[0].stream[tcpstream.ToServer]), "a handshake says so too")
	conns, stats := play(t, tcpstream.Options{Ports: []uint16{443}}, talk.Frames)
	require.Empty(t, conns)
	require.EqualValues(t, len(talk.Frames), stats.Ignored[tcpstream.OtherPort])
}

func TestPortsUsedAnewAreAnotherConnection(t *testing.T) {
	first := newTalk()
	first.Open()
	first.Send(false, []byte("one"))
	first.Close(false)
	first.Close(true)
	first.Ack(false)
	second := newTalk()
	second.ISN, second.Now = [2]uint32{77, 99}, first.Now
	second.Open()
	second.Send(false, []byte("two"))
	late := first.Frames[3] // a copy of the first connection's data
	frames := append(append(first.Frames, late), second.Frames...)
	conns, stats := play(t, tcpstream.Options{}, frames)
	require.Len(t, conns, 2)
	require.Equal(t, "one", string(conns[0].stream[0]))
	require.Equal(t, "two", string(conns[1].stream[0]))
	require.EqualValues(t, 3, stats.Duplicate)
}

func TestAResetEndsBothStreams(t *testing.T) {
	talk := newTalk()
	talk.Open()
	talk.Send(false, []byte("request"))
	talk.Reset(true)
	conns, _ := play(t, tcpstream.Options{}, talk.Frames)
	require.Equal(t, tcpstream.Reset, conns[0].ends[0][0])
	require.Equal(t, tcpstream.Reset, conns[0].ends[1][0])
	require.Equal(t, "request", string(conns[0].stream[0]))
}

func TestACaptureOfOneDirectionDeliversThatDirection(t *testing.T) {
	talk := newTalk()
	talk.Open()
	for range 3 {
		talk.Send(false, []byte("request."))
		talk.Send(true, []byte("response"))
	}
	var frames []tcptest.Frame
	for _, f := range talk.Frames {
		if !f.ToClient {
			frames = append(frames, f)
		}
	}
	conns, stats := play(t, tcpstream.Options{}, frames)
	require.Equal(t, "request.request.request.", string(conns[0].stream[0]))
	require.EqualValues(t, 24, stats.Missing)
	require.Len(t, conns[0].gaps[1], 3)
}

func TestAnIdleConnectionExpiresByTheTimeOfPackets(t *testing.T) {
	talk := newTalk()
	talk.Open()
	talk.Send(false, []byte("request"))
	a, conns := assembler(t, tcpstream.Options{Idle: time.Minute})
	for _, f := range talk.Frames {
		a.Packet(f.At, tcpstream.LinkEthernet, f.Data, len(f.Data))
	}
	a.Advance(talk.Now.Add(59 * time.Second))
	require.Empty(t, (*conns)[0].ends[0])
	a.Advance(talk.Now.Add(time.Minute))
	require.Equal(t, tcpstream.Expired, (*conns)[0].ends[0][0])
}

func TestAHoleIsGivenUpWhenItsBytesWereAcknowledgedAndDoNotCome(t *testing.T) {
	talk := newTalk()
	talk.MSS = 4
	talk.Open()
	talk.Send(false, []byte("onestwosfour"))
	a, conns := assembler(t, tcpstream.Options{})
	for i, f := range talk.Frames {
		if i != 5 { // the packet with "twos"
			a.Packet(f.At, tcpstream.LinkEthernet, f.Data, len(f.Data))
		}
	}
	a.Advance(talk.Now.Add(900 * time.Millisecond))
	require.Equal(t, "ones", string((*conns)[0].stream[0]))
	a.Advance(talk.Now.Add(1500 * time.Millisecond))
	require.Equal(t, "ones\x00\x00\x00\x00four", string((*conns)[0].stream[0]))
}

func TestMemoryIsBounded(t *testing.T) {
	talk := newTalk()
	talk.Open()
	talk.Send(false, bytes.Repeat([]byte("x"), 100_000))
	frames := append(talk.Frames[:3:3], talk.Frames[5:]...) // the first data packet is missing
	conns, stats := play(t, tcpstream.Options{ConnHeldMax: 20_000}, frames)
	require.Len(t, conns[0].stream[0], 100_000)
	require.Len(t, conns[0].gaps[0], 1)
	require.Equal(t, tcpstream.GapLimit, conns[0].gaps[0][0].Cause)
	require.EqualValues(t, 1448, stats.Missing)
	require.Equal(t, payload(frames), accounted(stats))

	var many []tcptest.Frame
	for port := range 100 {
		talk := newTalk()
		talk.Client = netip.AddrPortFrom(talk.Client.Addr(), uint16(50_000+port))
		talk.Open()
		talk.Send(false, []byte("request"))
		many = append(many, talk.Frames...)
	}
	conns, _ = play(t, tcpstream.Options{ConnsMax: 16}, many)
	require.Len(t, conns, 100)
	for i, c := range conns {
		require.Equal(t, "request", string(c.stream[0]))
		require.Equal(t, i < 84 || c.ends[0][0] == tcpstream.Stopped, true)
	}
}

func TestAPacketThatWasCutOffLeavesAGap(t *testing.T) {
	talk := newTalk()
	talk.Open()
	talk.Send(false, bytes.Repeat([]byte("x"), 300))
	talk.Send(false, []byte("end"))
	a, conns := assembler(t, tcpstream.Options{})
	for _, f := range talk.Frames {
		a.Packet(f.At, tcpstream.LinkEthernet, f.Data[:min(len(f.Data), 166)], len(f.Data))
	}
	a.Close()
	require.Equal(t, []tcpstream.Gap{{
		Direction: tcpstream.ToServer, At: talk.Now.UnixNano(), Offset: 100, Bytes: 200, Cause: tcpstream.GapSnapped,
	}}, (*conns)[0].gaps[0])
	require.EqualValues(t, 200, a.Stats().Cut)
	require.Equal(t, "end", string((*conns)[0].stream[0][300:]))
}
