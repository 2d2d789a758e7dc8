package replay

import (
	"bytes"
	"os"
	"strconv"
)

// stolen returns the ticks of all processors since boot that the hypervisor kept for others, and all ticks: the 8th
// and the sum of the first 8 numbers of /proc/stat (proc_stat(5)). Both are 0 when it cannot be read.
func stolen() (steal, all float64) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	for i, field := range bytes.Fields(line) {
		ticks, err := strconv.ParseFloat(string(field), 64)
		if i == 0 || i > 8 || err != nil {
			continue
		}
		if all += ticks; i == 8 {
			steal = ticks
		}
	}
	return steal, all
}

// freePorts returns how many ephemeral ports no TCP socket of this network namespace uses, in whatever state; -1 when that
// cannot be read. It is a lower bound: a port may be used once for each address.
func freePorts() int {
	raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return -1
	}
	bounds := bytes.Fields(raw)
	if len(bounds) != 2 {
		return -1
	}
	low, err1 := strconv.Atoi(string(bounds[0]))
	high, err2 := strconv.Atoi(string(bounds[1]))
	sockets, err3 := os.ReadFile("/proc/net/sockstat")
	if err1 != nil || err2 != nil || err3 != nil {
		return -1
	}
	return max(0, high-low+1-usedPorts(sockets))
}

// usedPorts adds up the TCP sockets of /proc/net/sockstat: in use, and waiting for the last packets to die out.
func usedPorts(sockets []byte) (used int) {
	for line := range bytes.Lines(sockets) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || string(fields[0]) != "TCP:" {
			continue
		}
		for i := 1; i+1 < len(fields); i += 2 {
			if name := string(fields[i]); name == "inuse" || name == "tw" {
				n, _ := strconv.Atoi(string(fields[i+1]))
				used += n
			}
		}
	}
	return used
}
