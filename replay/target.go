package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/publicsuffix"
)

// ErrProduction is wrapped by the error of a target that looks like production, or that did not prove that it is not.
var ErrProduction = errors.New("looks like production")

// The limits of a canary check.
const (
	canaryTimeout = 5 * time.Second
	canaryMax     = 64 << 10 // bytes of its answer
)

// Check refuses targets that look like production: by their names, by public addresses, or because the canary of the
// plan did not answer. It looks up names and asks the canary, once; Run calls it before the first request. Only hosts
// that the plan names in NotProduction, exactly, are not looked at.
func (p *Player) Check(ctx context.Context) error {
	if p.checked {
		return nil
	}
	for _, target := range p.config.Targets {
		base, at, err := parseTarget(target)
		if err != nil {
			return err
		}
		if at.network == "tcp" { // else it is a socket of this machine
			if err := p.vet(ctx, base.Hostname()); err != nil {
				return fmt.Errorf("target %s: %w", target, err)
			}
		}
		if err := p.askCanary(ctx, base, at); err != nil {
			return fmt.Errorf("target %s: %w", target, err)
		}
	}
	p.checked = true
	return nil
}

// allowed reports whether somebody said of exactly this host that it is not production.
func (p *Player) allowed(host string) bool {
	return slices.ContainsFunc(p.config.Traffic.NotProduction, func(name string) bool { return strings.EqualFold(name, host) })
}

func (p *Player) vet(ctx context.Context, host string) error {
	if p.allowed(host) {
		return nil
	}
	suspect := func(why string) error {
		return fmt.Errorf("%s %w: %s; if you know that it is not, say so of exactly this host: --i-know-this-is-not-production %s", host, ErrProduction, why, host)
	}
	if address, err := netip.ParseAddr(host); err == nil {
		if public(address) {
			return suspect("the address is public")
		}
		return nil
	}
	if why := publicName(host); why != "" {
		return suspect(why)
	}
	lookup, cancel := context.WithTimeout(ctx, canaryTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(lookup, "ip", host)
	if err != nil {
		return fmt.Errorf("look up what it is: %w", err)
	}
	for _, address := range addresses {
		if public(address) {
			return suspect("its address " + address.Unmap().String() + " is public")
		}
	}
	return nil
}

// shared is the space of carriers and of overlay networks (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// public reports whether an address can be reached from anywhere: it is neither of this machine nor of a private
// network (RFC 1918, RFC 4193, RFC 6598) or a link.
func public(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsLoopback() && !a.IsPrivate() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() && !shared.Contains(a)
}

// publicName says why a name looks like that of a production system; "" when it does not.
func publicName(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	suffix, listed := publicsuffix.PublicSuffix(host)
	own := strings.TrimSuffix(strings.TrimSuffix(host, suffix), ".")
	named := host
	if suffix == "live" && own != "" {
		named = own // as a public suffix it says nothing
	}
	words := strings.FieldsFunc(named, func(r rune) bool { return r == '.' || r == '-' || r == '_' })
	for i, word := range words {
		if i > 0 && slices.Contains([]string{"non", "no", "not", "pre"}, words[i-1]) {
			continue
		}
		if word = strings.Trim(word, "0123456789"); slices.Contains([]string{"prod", "production", "prd", "live"}, word) {
			return fmt.Sprintf("its name has the word %q", word)
		}
	}
	switch {
	case listed && (own == "www" || strings.HasPrefix(own, "www.")):
		return "it is a public web site by its name"
	case listed && own != "" && !strings.Contains(own, "."):
		return fmt.Sprintf("it is a domain of its own under the public suffix %q", suffix)
	}
	return ""
}

// askCanary makes sure that the target answers as only a system under test does, if the plan says how.
func (p *Player) askCanary(ctx context.Context, base *url.URL, at address) error {
	if p.config.Traffic.Canary == "" {
		return nil
	}
	path, want, _ := strings.Cut(p.config.Traffic.Canary, " ")
	ctx, cancel := context.WithTimeout(ctx, canaryTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base.String(), "/")+path, nil)
	if err != nil {
		return fmt.Errorf("ask canary %s: %w", path, err)
	}
	transport := &http.Transport{
		TLSClientConfig: p.config.TLS, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, at.network, at.addr)
		},
	}
	response, err := transport.RoundTrip(request) // no redirects: they may lead to production
	if err != nil {
		return fmt.Errorf("%w: the canary %s did not answer: %w", ErrProduction, path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, canaryMax))
	switch {
	case err != nil:
		return fmt.Errorf("%w: the canary %s broke off: %w", ErrProduction, path, err)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return fmt.Errorf("%w: the canary %s answered %s", ErrProduction, path, response.Status)
	case !bytes.Contains(body, []byte(want)):
		return fmt.Errorf("%w: the canary %s answered without %q", ErrProduction, path, want)
	}
	return nil
}

// refusePublic is asked about every address before a connection is made to it: what a name means may change after
// Check has looked.
func refusePublic(_, address string, _ syscall.RawConn) error {
	if a, err := netip.ParseAddrPort(address); err == nil && public(a.Addr()) {
		return fmt.Errorf("%s %w: the address is public", address, ErrProduction)
	}
	return nil
}
