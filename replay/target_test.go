package replay

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func TestNamesThatLookLikeProduction(t *testing.T) {
	for _, tt := range []struct{ name, host, why string }{
		{"a web site", "www.shop.example.com", "public web site"},
		{"one whose suffix has two labels", "www.shop.co.uk", "public web site"},
		{"a domain of its own", "shop.com", "a domain of its own"},
		{"one with a dot at its end", "Shop.COM.", "a domain of its own"},
		{"a label", "api.prod.shop.internal", `"prod"`},
		{"a word in a label", "eu-production-3.shop.internal", `"production"`},
		{"a numbered one", "prd2.shop.internal", `"prd"`},
		{"what is live", "live_api.shop.internal", `"live"`},
		{"one label", "prod", `"prod"`},
		{"the last label, though it is a public suffix", "api.shop.prod", `"prod"`},
		{"what lies before production", "pre-prod.shop.internal", ""},
		{"what is not production", "non-prod.shop.internal", ""},
		{"the same in one word", "nonprod.preprod.internal", ""},
		{"a word that only begins so", "product.shop.internal", ""},
		{"a suffix that is a word", "staging.shop.live", ""},
		{"staging under a public suffix", "shop.staging.example.com", ""},
		{"www within a company", "www.shop.internal", ""},
		{"this machine", "localhost", ""},
		{"a service of a cluster", "order.shop.svc.cluster.local", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			why := publicName(tt.host)
			require.Equal(t, tt.why == "", why == "", why)
			require.Contains(t, why, tt.why)
		})
	}
}

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": false, "127.14.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "0.0.0.0": false,
		"10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.0.7": false, "fd00::1": false, "fe80::1": false, "169.254.1.1": false,
		"172.32.0.1": true, "203.0.113.7": true, "8.8.8.8": true, "2001:db8::1": true, "::ffff:8.8.8.8": true, "100.128.0.1": true,
	} {
		require.Equal(t, want, public(netip.MustParseAddr(address)), address)
	}
}

func TestProductionIsRefusedBeforeTheFirstRequest(t *testing.T) {
	for _, tt := range []struct {
		name, target string
		allow        []string
		refused      bool
	}{
		{"loopback", "http://127.0.0.1:1", nil, false},
		{"a public address", "http://203.0.113.7", nil, true},
		{"a public address that somebody vouches for", "http://203.0.113.7:8080/x", []string{"203.0.113.7"}, false},
		{"another one", "http://203.0.113.8", []string{"203.0.113.7"}, true},
		{"a name, whatever its case", "https://Api.Prod.shop.internal", []string{"api.prod.shop.internal"}, false},
		{"a suffix is no name", "https://api.prod.shop.internal", []string{"shop.internal", "*.shop.internal"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(Config{Open: opener(), Targets: []string{"http://127.0.0.1:1", tt.target}, Traffic: gameday.TrafficPlan{NotProduction: tt.allow}})
			if err != nil { // another scheme than the first
				p, err = New(Config{Open: opener(), Targets: []string{tt.target}, Traffic: gameday.TrafficPlan{NotProduction: tt.allow}})
			}
			require.NoError(t, err)
			err = p.Check(t.Context())
			if !tt.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrProduction)
			require.ErrorContains(t, err, "--i-know-this-is-not-production")
			_, err = p.Run(t.Context(), time.Now(), nil)
			require.ErrorIs(t, err, ErrProduction)
		})
	}
}

func TestTheCanaryMustAnswer(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/base/env":
			fmt.Fprint(w, `{"environment":"staging"}`)
		case "/base/elsewhere":
			http.Redirect(w, r, "/base/env", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	})
	for canary, want := range map[string]string{
		"": "", "/env": "", "/env staging": "", `/env "environment":"staging"`: "",
		"/env production": `answered without "production"`, "/missing": "404", "/elsewhere staging": "302",
	} {
		p, err := New(Config{Open: opener(), Targets: []string{url + "/base"}, Traffic: gameday.TrafficPlan{Canary: canary}})
		require.NoError(t, err)
		err = p.Check(t.Context())
		if want == "" {
			require.NoError(t, err, canary)
			continue
		}
		require.ErrorIs(t, err, ErrProduction, canary)
		require.ErrorContains(t, err, want)
	}
	p, err := New(Config{Open: opener(), Targets: []string{"http://127.0.0.1:1"}, Traffic: gameday.TrafficPlan{Canary: "/env"}})
	require.NoError(t, err)
	require.ErrorContains(t, p.Check(t.Context()), "did not answer")
	_, err = New(Config{Open: opener(), Targets: []string{url}, Traffic: gameday.TrafficPlan{Canary: "env"}})
	require.ErrorContains(t, err, "want a path")
}

func TestNoConnectionToAPublicAddress(t *testing.T) {
	d := net.Dialer{Control: refusePublic}
	_, err := d.DialContext(t.Context(), "tcp", "203.0.113.7:80")
	require.ErrorIs(t, err, ErrProduction)
	nc, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(serve(t, func(http.ResponseWriter, *http.Request) {}), "http://"))
	require.NoError(t, err)
	require.NoError(t, nc.Close())
}
