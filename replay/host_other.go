//go:build !linux

package replay

// stolen knows nothing.
func stolen() (steal, all float64) { return 0, 0 }

// freePorts knows nothing.
func freePorts() int { return -1 }
