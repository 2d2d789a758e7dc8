package tcpstream_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
)

// printer prints what it gets.
type printer struct{}

func (printer) Data(s tcpstream.Segment) { fmt.Printf("%d: %s\n", s.Direction, s.Data) }
func (printer) Gap(g tcpstream.Gap)      { fmt.Printf("%d: %d bytes: %s\n", g.Direction, g.Bytes, g.Cause) }

func (printer) End(d tcpstream.Direction, _ int64, how tcpstream.End) {
	fmt.Printf("%d: closed %v\n", d, how == tcpstream.Closed)
}

func ExampleAssembler() {
	talk := tcptest.Talk{
		Client: netip.MustParseAddrPort("10.0.0.1:40000"), Server: netip.MustParseAddrPort("10.0.0.2:80"),
		Now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
	}
	talk.Open()
	talk.Send(false, []byte("ping"))
	talk.Send(true, []byte("pong"))
	talk.Resend(false, 0, 4)
	talk.Close(false)
	talk.Close(true)

	a := tcpstream.New(tcpstream.Options{Open: func(c tcpstream.Conn) tcpstream.Handler {
		fmt.Println(c.Client, "->", c.Server)
		return printer{}
	}})
	for _, f := range talk.Frames {
		a.Packet(f.At, tcpstream.LinkEthernet, f.Data, len(f.Data))
	}
	a.Close()
	fmt.Println(a.Stats().Delivered, "bytes delivered,", a.Stats().Duplicate, "captured twice")
	// Output:
	// 10.0.0.1:40000 -> 10.0.0.2:80
	// 0: ping
	// 1: pong
	// 0: closed true
	// 1: closed true
	// 8 bytes delivered, 4 captured twice
}
