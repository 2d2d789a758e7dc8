package local

import (
	"bytes"
	"os"
	"strconv"
)

// readCPUTimes reads the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal,
// and guest times that user already counts (proc_stat(5)).
func readCPUTimes() (cpuTimes, bool) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTimes{}, false
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return cpuTimes{}, false
	}
	var t cpuTimes
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseUint(string(field), 10, 64)
		if err != nil {
			return cpuTimes{}, false
		}
		t.total += ticks
		switch i {
		case 3, 4: // idle, waiting for a disk
			t.idle += ticks
		case 7:
			t.steal = ticks
		}
	}
	return t, true
}
