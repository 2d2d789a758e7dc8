package passive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

func info(f tcptest.Frame) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: f.At, CaptureLength: len(f.Data), Length: len(f.Data)}
}

func pcapOf(t testing.TB, frames []tcptest.Frame) []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	require.NoError(t, w.WriteFileHeader(262144, layers.LinkTypeEthernet))
	for _, f := range frames {
		require.NoError(t, w.WritePacket(info(f), f.Data))
	}
	return b.Bytes()
}

func pcapngOf(t testing.TB, frames []tcptest.Frame, drops uint64) []byte {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	require.NoError(t, err)
	for _, f := range frames {
		require.NoError(t, w.WritePacket(info(f), f.Data))
	}
	require.NoError(t, w.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{
		LastUpdate: frames[len(frames)-1].At, PacketsReceived: uint64(len(frames)), PacketsDropped: drops,
	}))
	require.NoError(t, w.Flush())
	return b.Bytes()
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

// read records a file that is in memory.
func read(t testing.TB, file []byte, problem func(error)) (*shelf, replay.Counts, *passive.File) {
	f, err := passive.NewFile(bytes.NewReader(file), "test.pcap")
	require.NoError(t, err)
	s := new(shelf)
	watch := passive.New(f, s, passive.Options{Problem: problem, Options: capture.Options{Start: f.Start(), Wait: true}})
	require.NoError(t, watch.Run(context.Background()))
	return s, watch.Counts(), f
}

func TestEveryKindOfFileTellsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	talk, sent := shop(r, false)
	want, _ := captured(t, talk.Frames)
	for name, file := range map[string][]byte{
		"pcap":   pcapOf(t, talk.Frames),
		"pcapng": pcapngOf(t, talk.Frames, 0),
		"gzip":   zipped(pcapOf(t, talk.Frames)),
	} {
		t.Run(name, func(t *testing.T) {
			s, counts, f := read(t, file, nil)
			require.Len(t, s.exchanges, len(sent))
			require.Equal(t, briefs(want), briefs(s))
			require.Equal(t, talk.Frames[0].At.UTC(), f.Start().UTC())
			require.Empty(t, counts.Lost)
			require.NoError(t, f.Close())
		})
	}
}

func TestDropsThatAFileKnowsOfAreLost(t *testing.T) {
	s, counts, _ := read(t, pcapngOf(t, say("> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 204 No\r\n\r\n", "").Frames, 3), nil)
	require.Len(t, s.exchanges, 1)
	require.Equal(t, replay.Tally{replay.LostKernel: 3}, counts.Lost)
	require.Len(t, s.gaps, 1)
}

func TestAFileThatIsCutOffIsReadAsFarAsItGoes(t *testing.T) {
	file := pcapOf(t, say("> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 204 No\r\n\r\n", "").Frames)
	var told error
	s, counts, _ := read(t, file[:len(file)-5], func(err error) { told = err })
	require.ErrorContains(t, told, "test.pcap: packet ")
	require.Equal(t, []string{"GET / -> 204"}, briefs(s))
	require.Empty(t, counts.Lost)
	require.Equal(t, "file cut off", s.gaps[0].Cause)
}

func TestWhatIsNoCaptureIsSaidToBeNone(t *testing.T) {
	for _, text := range []string{"", "abc", "1 2 3 4\nGET / HTTP/1.1\r\n\r\n"} {
		_, err := passive.NewFile(strings.NewReader(text), "x")
		require.ErrorIs(t, err, passive.ErrNoCapture)
	}
	_, err := passive.OpenFile(filepath.Join(t.TempDir(), "nowhere.pcap"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// FuzzFile takes arbitrary files: nothing may crash it or escape its books.
func FuzzFile(f *testing.F) {
	for seed := range uint64(3) {
		talk, _ := shop(rand.New(rand.NewPCG(seed, 8)), seed == 0)
		frames := talk.Frames[:min(len(talk.Frames), 40)]
		f.Add(pcapOf(f, frames))
		f.Add(pcapngOf(f, frames, 1))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		file, err := passive.NewFile(bytes.NewReader(input), "fuzz")
		if err != nil {
			return
		}
		s := new(shelf)
		watch := passive.New(file, s, passive.Options{Options: capture.Options{Start: file.Start(), Wait: true, BodyMax: 64 << 10}})
		_ = watch.Run(context.Background())
		requireBooks(t, s, watch.Counts())
	})
}

// FuzzHTTP takes arbitrary talk on a connection.
func FuzzHTTP(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET /2 HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n", 700)
	f.Add("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "x", "HTTP/1.0 200 OK\r\n\r\nbody", 7)
	f.Fuzz(func(t *testing.T, ask, answer, again, last string, mss int) {
		talk := say()
		talk.MSS = 1 + min(max(mss, 0), 4000)
		for i, text := range []string{ask, answer, again, last} {
			talk.Send(i%2 == 1, []byte(text[:min(len(text), 20_000)]))
		}
		talk.Close(true)
		talk.Close(false)
		s, counts := captured(t, talk.Frames, 8080)
		requireBooks(t, s, counts)
		requireAccounted(t, talk.Frames, counts)
	})
}

// requireBooks checks what holds for every capture.
func requireBooks(t testing.TB, s *shelf, c replay.Counts) {
	require.EqualValues(t, len(s.exchanges), c.Captured)
	seen := make(map[uint64]bool)
	for _, x := range s.exchanges {
		require.False(t, seen[x.Seq])
		seen[x.Seq] = true
		require.NotEmpty(t, x.Method)
		require.GreaterOrEqual(t, x.Size, int64(len(x.Body)))
		if r := x.Response; r != nil {
			require.GreaterOrEqual(t, r.Size, int64(len(r.Body)))
			require.GreaterOrEqual(t, r.Duration, r.FirstByte)
		}
	}
}

// TestTsharkCountsTheSame reads one file with both.
func TestTsharkCountsTheSame(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark (apt-get install tshark)")
	}
	const requests = 300
	frames := load(requests, 3000)
	file := filepath.Join(t.TempDir(), "shop.pcap")
	require.NoError(t, os.WriteFile(file, pcapOf(t, frames), 0o600))
	s, counts, _ := read(t, pcapOf(t, frames), nil)
	require.Len(t, s.exchanges, requests)
	require.Empty(t, counts.Lost)

	count := func(filter, field string) int {
		run := exec.Command(tshark, "-r", file, "-Y", filter, "-T", "fields", "-e", field, "-E", "occurrence=a", "-E", "aggregator= ",
			"-o", "tcp.reassemble_out_of_order:TRUE", "-d", "tcp.port==8080,http")
		out, err := run.Output()
		require.NoError(t, err)
		return len(strings.Fields(string(out)))
	}
	require.Equal(t, requests, count("http.request", "http.request.uri"))
	require.Equal(t, requests, count("http.response", "http.response.code"))
}
