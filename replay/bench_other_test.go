//go:build !linux

package replay

import "testing"

func benchEpoll(b *testing.B, _ int) { b.Skip("needs epoll") }
