package wire

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLSFiles say how a client speaks TLS: paths of PEM files, none of which is needed.
type TLSFiles struct {
	Cert, Key string // of the client, for servers that ask for one
	CA        string // who vouches for the server, instead of the system's authorities
	Insecure  bool   // trust any server
}

// load reads the files; it returns nil when nothing is asked for.
func (f TLSFiles) load() (*tls.Config, error) {
	if f == (TLSFiles{}) {
		return nil, nil
	}
	c := &tls.Config{InsecureSkipVerify: f.Insecure} // as the user asked
	if (f.Cert == "") != (f.Key == "") {
		return nil, fmt.Errorf("a client certificate needs its key: give both --cert and --key")
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("load client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("load authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("load authorities: %s: no certificate in it", f.CA)
		}
	}
	return c, nil
}
