//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// shopProgram is the program of the instances that are started: the supermarket, in its smallest role.
const shopProgram = "fixtures/supermarket/bin/supermarket"

// manyInstances are as many as the goal asks for.
const manyInstances = 480

// startingPatience is how long instances may take to become healthy before that is given up.
const startingPatience = 3 * time.Minute

// started is what the start of a topology took.
type started struct {
	instances int
	healthy   time.Duration // from the call until all were
	cost      usage         // of gameday, until all had stopped again
	noise     noise
}

// starts measures how long topologies take until all of their instances are up and healthy.
func (b *bench) starts(ctx context.Context) (section, error) {
	var all []started
	for _, n := range []int{60, manyInstances} {
		b.progress("%d instances", n)
		s, err := b.bringUp(ctx, n)
		if err != nil {
			return section{}, err
		}
		all = append(all, s)
	}
	return startedOf(all), nil
}

// bringUp starts n instances, and stops them once they are healthy.
func (b *bench) bringUp(ctx context.Context, n int) (s started, err error) {
	topology, err := b.topology(n)
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, startingPatience+30*time.Second)
	defer cancel()
	args := []string{b.gameday, "up", topology, "--store", b.path("store"), "--ready-within", startingPatience.String()}
	b.note(args)
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	said, err := c.StdoutPipe()
	if err != nil {
		return s, err
	}
	heard := watchNoise()
	if err := c.Start(); err != nil {
		return s, err
	}
	s, err = healthyAfter(said)
	s.noise = heard()
	_ = c.Process.Signal(syscall.SIGINT) // that is how it ends, also where it has come to nothing
	_, drained := io.Copy(io.Discard, said)
	if waited := c.Wait(); err != nil {
		return s, errors.Join(err, drained, waited)
	}
	s.cost = used(c.ProcessState)
	if s.instances != n {
		return s, fmt.Errorf("%d instances are healthy, want %d", s.instances, n)
	}
	return s, nil
}

var healthyLine = regexp.MustCompile(`^(\d+) instances healthy after ([0-9.]+)s`)

// healthyAfter reads what gameday says of a topology once it is healthy.
func healthyAfter(said io.Reader) (s started, err error) {
	line, err := bufio.NewReader(said).ReadString('\n')
	words := healthyLine.FindStringSubmatch(line)
	if words == nil {
		return s, errors.Join(fmt.Errorf("gameday up says %q, not how many instances are healthy", line), err)
	}
	if s.instances, err = strconv.Atoi(words[1]); err != nil {
		return s, err
	}
	s.healthy, err = time.ParseDuration(words[2] + "s")
	return s, err
}

// topology writes one of n instances in three zones that nothing else has.
func (b *bench) topology(n int) (path string, err error) {
	program, err := filepath.Abs(shopProgram)
	if err != nil {
		return "", err
	}
	path = b.path(fmt.Sprintf("topology-%d.yaml", n))
	return path, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: gameday/v1
kind: Topology
metadata: {name: many}
zones: [{name: z1, number: 101}, {name: z2, number: 102}, {name: z3, number: 103}]
entries: [{name: door, service: mockpay, listen: "127.101.0.1:8080"}]
binary: %q
services: [{name: mockpay, id: 1, replicas: %d, args: [-role, mockpay], drain: 100ms}]
`, program, n), 0o644)
}

func startedOf(all []started) section {
	s := section{
		title: "Starting a topology",
		text: "Instances of the supermarket's payment provider, its smallest service, each a process on an address of its own, in three zones, from the call of `gameday up` " +
			"until all of them say that they are healthy. They may run on all cores.",
		head: []string{"instances", "up and healthy after", "CPU of gameday, their start and end", "other load, cores"},
	}
	for _, one := range all {
		s.row(one.instances, one.healthy, one.cost.cpu(), contest[started]{{"gameday", 0, one.noise, one}}.beside("gameday"))
		if one.instances >= manyInstances {
			s.find("topology", one.healthy.Seconds(), "")
		}
	}
	return s
}
