//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onKillSwitch passes the signal that ends a recording on, until it is told to stop.
func onKillSwitch(to chan<- os.Signal) (stop func()) {
	signal.Notify(to, syscall.SIGUSR1)
	return func() { signal.Stop(to) }
}
