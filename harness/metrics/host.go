package metrics

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Collector = (*Host)(nil)

// Host gives the share of the machine's processors that was busy with what the run competes with, since the
// reading before (gameday_host_cpu_ratio), and the share that the hypervisor kept for others
// (gameday_host_steal_ratio), both 0 to 1. Where there is no /proc/stat it gives nothing.
//
// Work of a lower priority than the run's is no competition: the scheduler takes it off a processor as soon as the
// run or the system under test wants one. So user time of niced processes counts as spare, unless the run itself is
// niced and shares with them as an equal.
type Host struct {
	Proc string // where the kernel tells of its processes; /proc when empty

	before cpuTimes
	read   bool
}

// cpuTimes are ticks of all processors since boot.
type cpuTimes struct{ total, idle, nice, steal float64 }

// Collect implements gameday.Collector. The first call gives nothing, for lack of a reading before it.
func (h *Host) Collect() []gameday.Sample {
	proc := cmp.Or(h.Proc, "/proc")
	now, err := readCPU(filepath.Join(proc, "stat"))
	if err != nil {
		return nil // the missing series says so, and judging treats it as not knowing
	}
	before, had := h.before, h.read
	h.before, h.read = now, true
	total := now.total - before.total
	if !had || total <= 0 {
		return nil
	}
	spare := now.idle - before.idle
	if !niced(filepath.Join(proc, "self", "stat")) {
		spare += now.nice - before.nice
	}
	return []gameday.Sample{
		{Name: "gameday_host_cpu_ratio", Value: clamp(1 - spare/total)},
		{Name: "gameday_host_steal_ratio", Value: clamp((now.steal - before.steal) / total)},
	}
}

// niced reports whether the process itself runs at a lowered priority: the 19th field of its state, the second of
// which is a name in parentheses (proc_pid_stat(5)). Not knowing counts as niced, since that claims less.
func niced(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return true
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const nice = 19 - 3 // the first field after the name is the third
	if len(fields) <= nice {
		return true
	}
	value, err := strconv.Atoi(fields[nice])
	return err != nil || value > 0
}

func clamp(v float64) float64 { return max(0, min(1, v)) }

// readCPU reads the first line: "cpu" user nice system idle iowait irq softirq steal guest guest_nice. Guest
// times are part of user and nice already.
func readCPU(path string) (cpuTimes, error) {
	f, err := os.Open(path)
	if err != nil {
		return cpuTimes{}, err
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 512).ReadString('\n')
	if err != nil {
		return cpuTimes{}, fmt.Errorf("read %s: %w", path, err)
	}
	return parseCPU(line)
}

func parseCPU(line string) (cpuTimes, error) {
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return cpuTimes{}, fmt.Errorf("read processor times: unexpected line %.80q", line)
	}
	var ticks [8]float64
	for i := range ticks {
		v, err := strconv.ParseUint(fields[i+1], 10, 64)
		if err != nil {
			return cpuTimes{}, fmt.Errorf("read processor times: field %d: %w", i+1, err)
		}
		ticks[i] = float64(v)
	}
	t := cpuTimes{idle: ticks[3] + ticks[4], nice: ticks[1], steal: ticks[7]}
	for _, v := range ticks {
		t.total += v
	}
	return t, nil
}
