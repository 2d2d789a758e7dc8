//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// until waits for a condition, which it looks at every now and then.
func until(ctx context.Context, what string, holds func() bool) error {
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// answers waits until somebody answers at addr.
func answers(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return until(ctx, addr+" answers", func() bool {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// watches waits until a process has a packet socket that the kernel gives packets to.
func watches(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return until(ctx, fmt.Sprintf("process %d watches an interface", pid), func() bool {
		table, err := os.ReadFile("/proc/net/packet")
		return err == nil && anyIn(runningSockets(string(table)), socketsOf(pid))
	})
}

// runningSockets returns the inodes of the packet sockets that are bound and running, in the table of /proc/net/packet:
// sk RefCnt Type Proto Iface R Rmem User Inode.
func runningSockets(table string) map[string]bool {
	running := map[string]bool{}
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) == 9 && fields[5] == "1" {
			running[fields[8]] = true
		}
	}
	return running
}

// socketsOf returns the inodes of the sockets that a process has open.
func socketsOf(pid int) (inodes []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // the pattern is good
	for _, link := range links {
		to, err := os.Readlink(link)
		if inode, isSocket := strings.CutPrefix(to, "socket:["); err == nil && isSocket {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}

func anyIn(set map[string]bool, all []string) bool {
	for _, name := range all {
		if set[name] {
			return true
		}
	}
	return false
}
