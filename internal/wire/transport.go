package wire

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// Security says how a proxy speaks TLS. The zero value does not to clients, and trusts the system's roots.
type Security struct {
	Cert, Key string // files, PEM: clients speak TLS
	CA        string // file, PEM: who vouches for the service
	Insecure  bool   // nobody needs to
}

func (s Security) server() (*tls.Config, error) {
	if s.Cert == "" && s.Key == "" {
		return nil, nil
	}
	if s.Cert == "" || s.Key == "" {
		return nil, Refused{fmt.Errorf("a certificate and its key belong together: give both --cert and --key")}
	}
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, Refused{fmt.Errorf("read certificate: %w", err)}
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

func (s Security) upstream() (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: s.Insecure} //nolint:gosec // only when asked for
	if s.CA == "" {
		return c, nil
	}
	text, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, Refused{fmt.Errorf("read certificate authority: %w", err)}
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, Refused{fmt.Errorf("read certificate authority %s: there is no certificate in PEM form in it", s.CA)}
	}
	return c, nil
}

// remote reports whether others than this machine reach an address.
func remote(address string) (bool, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return false, Refused{fmt.Errorf("listen for clients: %w; write it like 127.0.0.1:8888", err)}
	}
	return !a.IP.IsLoopback(), nil
}
