//go:build !linux && !darwin

package wire

// forbidDumps does nothing: what is dumped is set for the whole system there.
func forbidDumps() {}
