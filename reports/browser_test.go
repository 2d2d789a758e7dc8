package reports

import (
	"bytes"
	"context"
	_ "embed"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe is axe-core 4.14.1 (MPL-2.0), the accessibility checker, used by this test alone.
//
//go:embed testdata/axe.min.js
var axe string

// TestReportInABrowser opens the reports in a real browser, light and dark: they load nothing, run no script
// of their own, show their drawings, and a checker for accessibility has nothing to say.
func TestReportInABrowser(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("chromium is not installed; it checks how the report looks to people (Debian: apt-get install chromium)")
	}
	rendered, known := map[string][]byte{}, []string{"/favicon.ico"}
	for name, render := range pages(t) {
		var page bytes.Buffer
		require.NoError(t, render(&page))
		rendered["/"+name] = page.Bytes()
		known = append(known, "/"+name)
	}
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(rendered[r.URL.Path])
	}))
	defer server.Close()
	for _, scheme := range []string{"light", "dark"} {
		ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.NoSandbox, chromedp.DisableGPU, chromedp.ExecPath("chromium"), chromedp.Flag("disable-quic", true),
			chromedp.Flag("blink-settings", map[string]string{"light": "preferredColorScheme=1", "dark": "preferredColorScheme=0"}[scheme]))...)
		defer cancel()
		ctx, cancel = chromedp.NewContext(ctx)
		defer cancel()
		for name := range pages(t) {
			t.Run(scheme+" "+name, func(t *testing.T) { lookAt(ctx, t, server.URL+"/"+name, scheme) })
		}
	}
	for _, path := range asked {
		require.Contains(t, known, path, "a report asks for nothing else")
	}
}

func lookAt(ctx context.Context, t *testing.T, url, scheme string) {
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	dark, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`matchMedia("(prefers-color-scheme: dark)").matches`))
	require.NoError(t, err)
	require.Equal(t, scheme == "dark", dark, "the browser shows the scheme under test")
	charts, err := chromedp.Run(ctx, chromedp.Evaluate[int](`[...document.querySelectorAll("svg.chart")].filter(s => s.getBoundingClientRect().width > 300).length`))
	require.NoError(t, err)
	require.GreaterOrEqual(t, charts, 5)
	styled, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.querySelector(".verdict")).borderLeftWidth`))
	require.NoError(t, err)
	require.Equal(t, "8px", styled, "the policy lets the style sheet in")
	violations, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axe+`;
		document.querySelectorAll("details").forEach(d => d.open = true);
		axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).slice(0, 3).join(" | ")))`, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	require.Empty(t, violations)
}
