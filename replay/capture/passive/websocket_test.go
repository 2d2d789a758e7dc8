package passive_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

const (
	upgrade  = "> GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nCookie: sid=ada\r\n\r\n"
	switched = "< HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
)

// masked is a frame of a client, and plain one of a server.
func masked(first byte, text string) string {
	b := []byte{first, 0x80 | byte(len(text)), 1, 2, 3, 4}
	for i := range len(text) {
		b = append(b, text[i]^byte(i&3+1))
	}
	return string(b)
}

func plain(first byte, text string) string { return string([]byte{first, byte(len(text))}) + text }

func TestWhatIsSaidOnAWebSocketIsRecorded(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		miss  string // the packet with this text is not captured
		want  []string
		lost  replay.Tally
	}{
		{"both ways, with the time of its last packet", []string{
			upgrade, switched + plain(0x81, "welcome"), "> " + masked(0x81, "hello"), "< " + plain(0x82, "\x00"), "> " + masked(0x88, "\x03\xe8"), "< " + plain(0x88, "\x03\xe8"), "",
		}, "", []string{"1ms server 1 welcome", "2ms client 1 hello", "3ms server 2 \x00", "4ms client 8 \x03\xe8", "5ms server 8 \x03\xe8"}, nil},
		{"in fragments, and in pieces", []string{
			upgrade, switched, "> " + masked(0x01, "hel")[:4], "> " + masked(0x01, "hel")[4:] + masked(0x89, "ping"), "> " + masked(0x80, "lo"), "< " + plain(0x88, ""), "",
		}, "", []string{"4ms client 1 hello", "5ms server 8 "}, nil},
		{"up to an end that nobody announced", []string{upgrade, switched, "> " + masked(0x81, "hello"), ""}, "", []string{"2ms client 1 hello", "3ms server 8 \x03\xee"}, nil},
		{"up to a gap, which costs its direction alone", []string{
			upgrade, switched, "< " + plain(0x81, "one"), "< " + plain(0x81, "two"), "< " + plain(0x81, "three"), "> " + masked(0x88, ""), "",
		}, "two", []string{"2ms server 1 one", "5ms client 8 "}, replay.Tally{replay.LostGap: 1}},
		{"up to a message that breaks off", []string{upgrade, switched, "< " + plain(0x81, "one"), "> " + masked(0x81, "hello")[:8], ""}, "", []string{"2ms server 1 one", "4ms server 8 \x03\xee"}, replay.Tally{capture.LostUnfinished: 1}},
		{"or that the capture ends in", []string{upgrade, switched, "> " + masked(0x81, "hello")[:8]}, "", nil, replay.Tally{capture.LostUnfinished: 1}},
		{"unless it is no WebSocket", []string{
			upgrade, switched, "< " + plain(0xf1, "reserved bits"), "> " + masked(0x88, ""), "",
		}, "", []string{"3ms client 8 "}, replay.Tally{replay.LostParse: 1}},
		{"nor anything else", []string{"> GET / HTTP/1.1\r\nUpgrade: tea\r\n\r\n", "< HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\n\r\n", "< " + plain(0x81, "one"), ""}, "", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames := say(c.lines...).Frames
			if c.miss != "" {
				frames = slices.DeleteFunc(frames, func(f tcptest.Frame) bool { return bytes.HasSuffix(f.Data, []byte(c.miss)) })
			}
			s, counts := captured(t, frames, 8080)
			require.Len(t, s.exchanges, 1)
			var got []string
			for _, m := range s.messages {
				require.Equal(t, s.exchanges[0].Seq, m.Exchange)
				require.Equal(t, "ada", m.Session)
				from := "client"
				if m.FromServer {
					from = "server"
				}
				got = append(got, fmt.Sprintf("%v %s %d %s", (m.At-s.exchanges[0].At).Truncate(time.Millisecond), from, m.Kind, m.Body))
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.lost, counts.MessagesLost)
			require.EqualValues(t, len(c.want), counts.Messages)
		})
	}
}
