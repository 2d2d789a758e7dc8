package reports

import (
	"bytes"
	_ "embed"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe is axe-core 4.14.1 (MPL-2.0), the accessibility checker, used by this test alone.
//
//go:embed testdata/axe.min.js
var axe string

// TestReportInABrowser opens the report in a real browser, light and dark: it loads nothing, runs no script
// of its own, shows its drawings, and a checker for accessibility has nothing to say.
func TestReportInABrowser(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("chromium is not installed; it checks how the report looks to people (Debian: apt-get install chromium)")
	}
	var page bytes.Buffer
	require.NoError(t, HTML(&page, summary(t)))
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page.Bytes())
	}))
	defer server.Close()
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
				chromedp.NoSandbox, chromedp.DisableGPU, chromedp.ExecPath("chromium"), chromedp.Flag("disable-quic", true),
				chromedp.Flag("blink-settings", map[string]string{"light": "preferredColorScheme=1", "dark": "preferredColorScheme=0"}[scheme]))...)
			defer cancel()
			ctx, cancel = chromedp.NewContext(ctx)
			defer cancel()
			require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server.URL+"/report.html")))
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
		})
	}
	for _, path := range asked {
		require.Contains(t, []string{"/report.html", "/favicon.ico"}, path, "the report asks for nothing else")
	}
}
