package capture_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// chatEntry is an entry as Chrome writes it: a WebSocket that was opened at a second, and what was said on it.
func chatEntry(second int, messages ...string) string {
	return fmt.Sprintf(`{"startedDateTime":"2026-11-02T10:00:%02dZ","time":9000,"_resourceType":"websocket",
	"request":{"method":"GET","url":"wss://shop/chat","headers":[{"name":"Upgrade","value":"websocket"},{"name":"Cookie","value":"sid=s%d"}]},
	"response":{"status":101,"headers":[{"name":"Upgrade","value":"websocket"}]},"_webSocketMessages":[%s]}`, second, second, strings.Join(messages, ","))
}

// saidAt is a message so many seconds after ten o'clock on that day.
func saidAt(kind string, second float64, opcode int, data string) string {
	return fmt.Sprintf(`{"type":%q,"time":%.4f,"opcode":%d,"data":%q}`, kind, 1793613600+second, opcode, data)
}

// eventsOf are those of a source, one line each.
func eventsOf(t *testing.T, in replay.Source) (lines []string) {
	for {
		x, m, err := in.(replay.Chronicle).NextEvent()
		switch {
		case errors.Is(err, io.EOF):
			return lines
		case m != nil:
			lines = append(lines, fmt.Sprintf("%v %d of %d %s from server %v: %s", m.At, m.Kind, m.Exchange, m.Session, m.FromServer, m.Body))
		default:
			require.NoError(t, err)
			lines = append(lines, fmt.Sprintf("%v %s %s", x.At, x.Method, x.Target))
		}
	}
}

func TestMessagesOfAnArchiveComeInOrderOfTime(t *testing.T) {
	text := `{"log":{"entries":[` + strings.Join([]string{
		chatEntry(0, saidAt("send", 1, 1, "hello"), saidAt("receive", 2.0005, 1, "who is there?"), saidAt("send", 5, 2, "AAE="), saidAt("receive", 6, 8, "A+g=")),
		chatEntry(3, saidAt("send", 4, 1, "me too"), saidAt("receive", 2.5, 1, "before it began")),
	}, ",") + `]}}`
	in, err := capture.Read(strings.NewReader(text), "x", capture.ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"0s GET /chat",
		"1s 1 of 0 s0 from server false: hello",
		"2.0005s 1 of 0 s0 from server true: who is there?",
		"3s GET /chat",
		"3s 1 of 1 s3 from server true: before it began",
		"4s 1 of 1 s3 from server false: me too",
		"5s 2 of 0 s0 from server false: \x00\x01",
		"6s 8 of 0 s0 from server true: \x03\xe8",
	}, eventsOf(t, in))
	require.EqualValues(t, 6, in.Counts().Messages)
	require.EqualValues(t, 2, in.Counts().Captured)
}

func TestMessagesThatCannotBeUsedAreCounted(t *testing.T) {
	for _, c := range []struct{ sentence, message, problem string }{
		{"a direction that is none", saidAt("sent", 1, 1, "a"), `type "sent": want send or receive`},
		{"an error of the browser", saidAt("receive", 1, -1, "net::ERR"), "opcode -1 is no message's"},
		{"an opcode that is reserved", saidAt("send", 1, 3, "a"), "opcode 3 is no message's"},
		{"half an opcode", `{"type":"send","time":1793613601,"opcode":1.5,"data":"a"}`, "opcode 1.5 is no message's"},
		{"a time of another world", saidAt("send", 1e12, 1, "a"), "out of range"},
		{"binary data that is not in base64", saidAt("send", 1, 2, "?"), "read base64"},
		{"something else", `7`, "cannot unmarshal number"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			var problems []string
			in, err := capture.Read(strings.NewReader(`{"log":{"entries":[`+chatEntry(0, c.message, saidAt("send", 2, 1, "a"))+`]}}`), "x",
				capture.ImportOptions{Problem: func(err error) { problems = append(problems, err.Error()) }})
			require.NoError(t, err)
			require.Len(t, eventsOf(t, in), 2)
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], "_webSocketMessages[0]: ")
			require.Contains(t, problems[0], c.problem)
			require.Equal(t, replay.Tally{replay.LostParse: 1}, in.Counts().MessagesLost)
		})
	}
}

func TestPingsOfAnArchiveAreNoMessages(t *testing.T) {
	in, err := capture.Read(strings.NewReader(`{"log":{"entries":[`+chatEntry(0, saidAt("send", 1, 9, ""), saidAt("receive", 1, 10, ""))+`]}}`), "x", capture.ImportOptions{})
	require.NoError(t, err)
	require.Len(t, eventsOf(t, in), 1)
	require.Empty(t, in.Counts().MessagesLost)
}
