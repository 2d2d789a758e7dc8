package replay

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kernelCPU returns the CPU time that the system has spent for this process.
func kernelCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Stime.Nano())
}

// stepAside leaves the first core to the client, which taskset can keep there. The threads of this process that are still to
// come inherit it.
func stepAside() {
	var others unix.CPUSet
	for core := 1; core < 1024; core++ {
		others.Set(core)
	}
	_ = unix.SchedSetaffinity(0, &others) // it errs where there is but one
}

// benchEpoll sends at absolute due times over 64 connections in turn, on one thread, and reads what comes.
func benchEpoll(b *testing.B, rate int) {
	url := null(b)
	p, err := newPoller(false)
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	idle := make([]*conn, 64)
	for i := range idle {
		nc, err := net.Dial("tcp", url[len("http://"):])
		if err != nil {
			b.Fatal(err)
		}
		idle[i] = &conn{}
		if idle[i].sock, err = p.adopt(idle[i], nc); err != nil {
			b.Fatal(err)
		}
		defer idle[i].sock.close()
	}
	cpu := make(chan float64)
	go func() { // its thread ends with it
		holdThread()
		raw, buf := []byte(plainRequest), make([]byte, bufferSize)
		start, cpu0 := time.Now(), ownCPU()
		due := func(i int) time.Duration { return time.Duration(i) * time.Second / time.Duration(rate) }
		for sent, answered := 0, 0; answered < rate*b.N; {
			now := time.Since(start)
			for len(idle) > 0 && sent < rate*b.N && due(sent) <= now {
				if _, err := idle[len(idle)-1].sock.write(raw); err != nil {
					b.Error(err)
				}
				idle = idle[:len(idle)-1]
				sent++
			}
			wait := wheelTick
			if sent < rate*b.N && len(idle) > 0 {
				wait = min(wait, due(sent)-now)
			}
			for _, r := range p.wait(wait) {
				if _, err := r.conn.sock.read(buf); err != nil {
					b.Error(err)
				}
				idle = append(idle, r.conn)
				answered++
			}
		}
		cpu <- float64((ownCPU() - cpu0).Microseconds())
	}()
	b.ReportMetric(<-cpu/float64(rate*b.N), "cpu-us/request")
}
