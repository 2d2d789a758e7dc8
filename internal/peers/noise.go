//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// quietCores is how much the rest of the machine may do during a run that counts as undisturbed, in cores.
const quietCores = 0.05

// ticksPerSecond is the unit of /proc/stat and /proc/PID/stat: USER_HZ, 100 on every architecture that Go runs on.
const ticksPerSecond = 100

// noise is what the machine did besides a run, in cores.
type noise struct {
	steal float64 // taken by the hypervisor
	other float64 // spent by processes that this program did not start
}

func (n noise) cores() float64 { return n.steal + n.other }
func (n noise) loaded() bool   { return n.cores() > quietCores }

// watchNoise begins to watch; the function it returns tells what was seen since then.
func watchNoise() func() noise {
	begun, before := time.Now(), takeBusy()
	return func() noise {
		after, wall := takeBusy(), time.Since(begun).Seconds()
		cores := func(from, to int64) float64 { return max(0, float64(to-from)/ticksPerSecond/wall) }
		return noise{cores(before.steal, after.steal), cores(before.other, after.other)}
	}
}

// busy is CPU time in ticks since the machine or the processes began.
type busy struct{ steal, other int64 }

func takeBusy() busy {
	var b busy
	if text, err := os.ReadFile("/proc/stat"); err == nil {
		b.steal = stealOf(string(text))
	}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	var all []process
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil { // it may have ended by now
			if p, err := parseProcess(text); err == nil {
				all = append(all, p)
			}
		}
	}
	b.other = strangers(all, os.Getpid())
	return b
}

// stealOf returns the eighth number of the first line of /proc/stat (proc_stat(5)); 0 when there is none.
func stealOf(stat string) int64 {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return 0
	}
	n, err := strconv.ParseInt(fields[8], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// process is what /proc/PID/stat says of one.
type process struct {
	pid, parent int
	ticks       int64 // its own and those of the children that it waited for
}

// parseProcess reads proc_pid_stat(5): the name stands in brackets and may hold anything.
func parseProcess(stat []byte) (p process, err error) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return p, fmt.Errorf("read process: no name in %.40q", stat)
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 15 {
		return p, fmt.Errorf("read process: %d fields behind the name, want 15", len(fields))
	}
	if p.pid, err = strconv.Atoi(string(bytes.TrimSpace(stat[:open]))); err != nil {
		return p, fmt.Errorf("read process: %w", err)
	}
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, fmt.Errorf("read process: %w", err)
	}
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return p, fmt.Errorf("read process: %w", err)
		}
		p.ticks += n
	}
	return p, nil
}

// kthreadd is the parent of the threads of the kernel, which work for whoever is measured as often as for others.
const kthreadd = 2

// strangers adds up the ticks of processes that are neither self nor begun by it. A process that comes and goes in between
// is in the sum by its parent, as soon as that has waited for it.
func strangers(all []process, self int) (ticks int64) {
	parent := map[int]int{}
	for _, p := range all {
		parent[p.pid] = p.parent
	}
	for _, p := range all {
		ours := p.pid == kthreadd || p.parent == kthreadd
		for pid := p.pid; pid != 0 && !ours; pid = parent[pid] {
			ours = pid == self
		}
		if !ours {
			ticks += p.ticks
		}
	}
	return ticks
}
