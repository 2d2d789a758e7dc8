package wire

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gameday-dev/gameday/replay/tape"
)

// A FileKind is what a verb is called with.
type FileKind string

// The kinds of files.
const (
	KindScenario  FileKind = "scenario"
	KindTopology  FileKind = "topology"
	KindRecording FileKind = "recording"
)

// Mistaken says of a file that is well of another kind than the wanted one what it is, and which verb takes it. It is nil
// where that cannot be told: then whoever reads the file knows best what is wrong with it.
func Mistaken(path string, wanted FileKind) error {
	is := kindOf(path)
	if is == "" || is == wanted {
		return nil
	}
	remedy := map[FileKind]string{
		KindScenario:  "`gameday run %[1]s` runs it, with the topology and the recording that it names",
		KindTopology:  "`gameday up %[1]s` starts it; a scenario names it in spec.environment.topology",
		KindRecording: "`gameday replay %[1]s --to URL` plays it; a scenario names it in spec.traffic.replay.capture",
	}[is]
	return Refused{fmt.Errorf("%[1]s is a %[2]s, not a %[3]s: "+remedy, path, is, wanted)}
}

// kindSniffed is how much of a file is looked at for what it says of itself.
const kindSniffed = 64 << 10

var (
	documentKind = regexp.MustCompile(`(?m)^kind:[ \t]*["']?(Scenario|Topology)\b`)
	endings      = []string{TapeSuffix, ".gor", ".har", ".pcap", ".pcapng", ".log"} // of names of recordings, with .gz behind them or not
)

// kindOf is what a file says that it is, or what its name does; "" where neither does.
func kindOf(path string) FileKind {
	if IsReel(path) {
		if _, err := tape.ReadManifest(path); err != nil {
			return ""
		}
		return KindRecording
	}
	if slices.Contains(endings, filepath.Ext(strings.TrimSuffix(path, ".gz"))) {
		return KindRecording
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // it was only read
	head, _ := io.ReadAll(io.LimitReader(f, kindSniffed))
	if says := documentKind.FindSubmatch(head); says != nil {
		return FileKind(strings.ToLower(string(says[1])))
	}
	return ""
}
