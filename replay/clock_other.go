//go:build !linux

package replay

// fastPath is whether the player writes to sockets itself.
const fastPath = false

// holdThread does nothing: the player waits with the precision of Go's timers.
func holdThread() {}
