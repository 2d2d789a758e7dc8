package metrics

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Collector = (*Host)(nil)

// Host gives the share of the machine's processors that was busy since the reading before
// (gameday_host_cpu_ratio) and the share that the hypervisor kept for others (gameday_host_steal_ratio),
// both 0 to 1. Where there is no /proc/stat it gives nothing.
type Host struct {
	Path string // of the kernel's counters; /proc/stat when empty

	before cpuTimes
	read   bool
}

// cpuTimes are ticks of all processors since boot.
type cpuTimes struct{ total, idle, steal float64 }

// Collect implements gameday.Collector. The first call gives nothing, for lack of a reading before it.
func (h *Host) Collect() []gameday.Sample {
	path := h.Path
	if path == "" {
		path = "/proc/stat"
	}
	now, err := readCPU(path)
	if err != nil {
		return nil // the missing series says so, and judging treats it as not knowing
	}
	before, had := h.before, h.read
	h.before, h.read = now, true
	total := now.total - before.total
	if !had || total <= 0 {
		return nil
	}
	return []gameday.Sample{
		{Name: "gameday_host_cpu_ratio", Value: clamp(1 - (now.idle-before.idle)/total)},
		{Name: "gameday_host_steal_ratio", Value: clamp((now.steal - before.steal) / total)},
	}
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
	t := cpuTimes{idle: ticks[3] + ticks[4], steal: ticks[7]}
	for _, v := range ticks {
		t.total += v
	}
	return t, nil
}
