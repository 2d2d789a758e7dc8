package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	KindTape      FileKind = "tape"
	KindRecording FileKind = "recording" // of any tool: a tape is one, too
)

// Mistaken says of a file that is well of another kind than the wanted one what it is, and which verb takes it; and of a
// recording that it is not there. It is nil where that cannot be told: then whoever reads the file knows best what is wrong
// with it.
func Mistaken(path string, wanted FileKind) error {
	if wanted == KindTape || wanted == KindRecording {
		if err := missing(path); err != nil {
			return Refused{err}
		}
	}
	is := kindOf(path)
	if is == "" || is == wanted || is == KindTape && wanted == KindRecording {
		return nil
	}
	const plays = "`gameday replay %[1]s --to URL` plays it; a scenario names it in spec.traffic.replay.capture"
	remedy := map[FileKind]string{
		KindScenario:  "`gameday run %[1]s` runs it, with the topology and the recording that it names",
		KindTopology:  "`gameday up %[1]s` starts it; a scenario names it in spec.environment.topology",
		KindTape:      plays,
		KindRecording: plays,
	}[is]
	if is == KindRecording && wanted == KindTape {
		remedy = "`gameday tape convert %[1]s --out NAME" + TapeSuffix + "` makes one of it"
	}
	return Refused{fmt.Errorf("%[1]s is a %[2]s, not a %[3]s: "+remedy, path, is, wanted)}
}

// missing says that a recording is not there, as a scenario that names it would be told. What is not a file may still be the
// name of several.
func missing(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return checkRecording(path)
}

// kindSniffed is how much of a file is looked at for what it says of itself.
const kindSniffed = 64 << 10

const tapeMagic = "GDTAPE\x00" // docs/formats.md

var (
	documents    = []string{".yaml", ".yml"} // what else has such a line may have it in one of its bodies
	documentKind = regexp.MustCompile(`(?m)^kind:[ \t]*["']?(Scenario|Topology)\b`)
	endings      = []string{".gor", ".har", ".pcap", ".pcapng", ".log"} // of names of what other tools recorded, with .gz behind them or not
)

// kindOf is what a file says that it is, or what its name does; "" where neither does.
func kindOf(path string) FileKind {
	if IsReel(path) {
		if _, err := tape.ReadManifest(path); err != nil {
			return ""
		}
		return KindTape
	}
	head := headOf(path)
	var document [][]byte
	if slices.Contains(documents, filepath.Ext(path)) {
		document = documentKind.FindSubmatch(head)
	}
	switch {
	case strings.HasSuffix(path, TapeSuffix) || bytes.HasPrefix(head, []byte(tapeMagic)):
		return KindTape
	case document != nil:
		return FileKind(strings.ToLower(string(document[1])))
	case slices.Contains(endings, filepath.Ext(strings.TrimSuffix(path, ".gz"))):
		return KindRecording
	}
	return ""
}

// headOf returns the first bytes of a file; none of a pipe, which can be read once, and none where it cannot be read, which
// opening it will say.
func headOf(path string) []byte {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // it was only read
	head, _ := io.ReadAll(io.LimitReader(f, kindSniffed))
	return head
}
