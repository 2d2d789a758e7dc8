package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// packetSource is where the packets of a capture come from.
type packetSource struct {
	passive.Packets
	name  string    // in the ledger
	start time.Time // of the capture
	wait  bool      // packets wait for the recorder
	close func() error
}

// capturePackets records what packets tell until they end, or ctx does.
func (o CaptureOptions) capturePackets(ctx context.Context) (replay.Counts, error) {
	from, err := o.packetSource(ctx)
	if err != nil {
		return replay.Counts{}, err
	}
	about := from.name
	if len(o.Ports) > 0 {
		about += ", port " + strings.Trim(fmt.Sprint(o.Ports), "[]")
	}
	if from.wait && o.Middleware.Command != "" {
		return replay.Counts{}, errors.Join(Refused{errors.New("packets of a file come faster than a middleware takes them: record a tape without it first")}, from.close())
	}
	options, w, err := o.recording(from.name, about, from.start)
	if err != nil {
		return replay.Counts{}, errors.Join(err, from.close())
	}
	if o.Ready != nil {
		o.Ready(from.name)
	}
	options.Wait = from.wait
	watch := passive.New(from, w, passive.Options{Options: options, Ports: o.Ports, VXLAN: o.VXLAN, Problem: o.Problem})
	counts, err := o.run(ctx, watch.Tap, w, func() error { return watch.Run(ctx) })
	return counts, errors.Join(err, from.close())
}

func (o CaptureOptions) packetSource(ctx context.Context) (packetSource, error) {
	switch {
	case o.Packets == "-":
		return packetPipe(ctx, standardInput(), "packets of standard input")
	case o.Packets != "":
		if err := Mistaken(o.Packets, KindRecording); err != nil {
			return packetSource{}, err
		}
		file, err := os.Open(o.Packets)
		if err != nil {
			return packetSource{}, fmt.Errorf("capture packets: %w", err)
		}
		return packetPipe(ctx, file, "packets of "+o.Packets)
	case len(o.Ports) == 0:
		return packetSource{}, Refused{errors.New("capture from an interface: say with --port which ports the service has")}
	}
	from, err := passive.Interfaces{Names: o.Interfaces, Ports: o.Ports, VXLAN: o.VXLAN, Buffer: o.Buffer, Engine: o.Engine}.Open()
	if err != nil {
		return packetSource{}, err
	}
	return packetSource{Packets: from, name: "interface " + strings.Join(o.Interfaces, ", "), start: time.Now(), close: from.Close}, nil
}

// standardInput is standard input in a form that can be asked to stop waiting, when it is a pipe.
func standardInput() *os.File {
	_ = syscall.SetNonblock(syscall.Stdin, true) // what cannot, does not make anyone wait
	return os.NewFile(uintptr(syscall.Stdin), os.Stdin.Name())
}

// packetPipe waits for the first packet of a pipe or file. When ctx ends, waiting for more ends too.
func packetPipe(ctx context.Context, in *os.File, name string) (packetSource, error) {
	stop := context.AfterFunc(ctx, func() { _ = in.SetReadDeadline(time.Now()) })
	from, err := passive.NewFile(in, name)
	if err != nil {
		stop()
		return packetSource{}, errors.Join(err, in.Close())
	}
	start := from.Start()
	if start.IsZero() {
		start = time.Now() // there is no packet
	}
	return packetSource{Packets: from, name: name, start: start, wait: true, close: func() error {
		stop()
		return in.Close()
	}}, nil
}
