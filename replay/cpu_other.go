//go:build !unix

package replay

import "time"

// ownCPU returns 0: not known on this system.
func ownCPU() time.Duration { return 0 }
