//go:build !linux

package replay

import (
	"testing"
	"time"
)

func benchEpoll(b *testing.B, _ int) { b.Skip("needs epoll") }

func kernelCPU() time.Duration { return 0 }

func stepAside() {}
