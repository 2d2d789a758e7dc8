package linkproxy

import (
	"context"
	"hash/fnv"
	"net"
	"net/netip"
)

// dialFrom connects to a private port from the caller's own address, so that the callee sees who calls.
func dialFrom(ctx context.Context, source netip.Addr, to netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0)),
		Control:   lateBind,
	}
	c, err := d.DialContext(ctx, "tcp4", to.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

func (k linkKey) hash() uint64 {
	h := fnv.New64a()
	for _, s := range []string{k.src, k.srcZone, k.dst, k.dstZone} {
		_, _ = h.Write([]byte(s)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
