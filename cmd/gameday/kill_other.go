//go:build !unix

package main

import "os"

// onKillSwitch does nothing: there is no such signal, and --kill-file does the same.
func onKillSwitch(chan<- os.Signal) (stop func()) { return func() {} }
