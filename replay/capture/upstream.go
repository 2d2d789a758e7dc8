package capture

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// upstream speaks to the service in the version of HTTP that the client chose, as far as the
// service can.
type upstream struct {
	secure bool
	http1  *http.Transport
	http2  *http.Transport
}

func newUpstream(to *url.URL, trust *tls.Config) *upstream {
	u := &upstream{secure: to.Scheme == "https"}
	u.http1 = transport(trust, func(p *http.Protocols) { p.SetHTTP1(true) })
	u.http2 = transport(trust, func(p *http.Protocols) {
		if u.secure {
			p.SetHTTP1(true) // for a service that does not offer HTTP/2
			p.SetHTTP2(true)
			return
		}
		p.SetUnencryptedHTTP2(true)
	})
	return u
}

func transport(trust *tls.Config, speak func(*http.Protocols)) *http.Transport {
	if trust = trust.Clone(); trust != nil {
		trust.NextProtos = nil // speak says that
	}
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:       trust,
		TLSHandshakeTimeout:   10 * time.Second,
		DisableCompression:    true, // the client's Accept-Encoding is the one that counts
		MaxIdleConnsPerHost:   idlePerHost,
		IdleConnTimeout:       time.Minute,
		ExpectContinueTimeout: time.Second,
		Protocols:             new(http.Protocols),
	}
	speak(t.Protocols)
	return t
}

// RoundTrip chooses by the client's version. Over TLS the service says whether it speaks HTTP/2.
// In plain text nobody asks: a client that began with HTTP/2 in plain text knows that the service
// does, and so does one that calls by gRPC; others come from TLS, where the proxy offered it.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.ProtoMajor == 2 && (u.secure || r.TLS == nil || strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")) {
		return u.http2.RoundTrip(r)
	}
	return u.http1.RoundTrip(r)
}

func (u *upstream) close() {
	u.http1.CloseIdleConnections()
	u.http2.CloseIdleConnections()
}
