package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay/tape"
)

// secrets are what clients and services say in this test. None of it may reach the disk.
var secrets = []string{
	"C00kieValue", "BearerValue", "ApiKeyValue", "PassWordValue", "QueryTokenValue", "LoginTokenValue", "TextSecretValue",
	"ada.lovelace@mail.example.org", "4111111111111111", "4111 1111 1111 1111", "+49 170 1234567", "4917012345678",
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "FormFieldValue", "SetCookieValue",
}

// TestNoSecretReachesTheDisk captures traffic that is full of secrets, and reads every file of the output
// directory all the while and afterwards: as it is, and what its tapes hold once they are unpacked. A tape that
// is still being written is what a crash leaves.
func TestNoSecretReachesTheDisk(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "SetCookieValue"})
		w.Header().Set("X-Contact", "ada.lovelace@mail.example.org")
		if r.URL.Path == "/text" {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "password=TextSecretValue call +49 170 1234567")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"token":"LoginTokenValue","card":4111111111111111,"note":"to ada.lovelace@mail.example.org, +4917012345678"}`)
	}))
	defer service.Close()

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan string, 1)
	var captured sync.WaitGroup
	captured.Go(func() {
		_, err := Capture(ctx, CaptureOptions{To: service.URL, Listen: "127.0.0.1:0", Out: filepath.Join(dir, "x.gdtape"), Ready: func(addr string) { ready <- addr }})
		if err != nil {
			t.Error(err)
		}
	})
	proxy := "http://" + <-ready
	const rounds = 8
	for range rounds {
		for _, body := range []struct{ kind, text string }{
			{"application/json", `{"user":"ada.lovelace@mail.example.org","password":"PassWordValue","jwt":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"}`},
			{"application/x-www-form-urlencoded", "secret=FormFieldValue&mail=ada.lovelace%40mail.example.org"},
			{"text/plain", "card 4111 1111 1111 1111, token: TextSecretValue"},
			{"", `{"api_key":"ApiKeyValue"}`},
		} {
			for _, path := range []string{"/json?token=QueryTokenValue", "/text?q=ada.lovelace@mail.example.org", "/users/ada.lovelace@mail.example.org"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, proxy+path, strings.NewReader(body.text))
				require.NoError(t, err)
				r.Header.Set("Content-Type", body.kind)
				r.Header.Set("Cookie", "sid=C00kieValue")
				r.Header.Set("Authorization", "Bearer BearerValue")
				r.Header.Set("X-Api-Key", "ApiKeyValue")
				r.Header.Set("Referer", proxy+"/?token=QueryTokenValue")
				answer, err := http.DefaultClient.Do(r)
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, answer.Body)
				require.NoError(t, answer.Body.Close())
			}
		}
		searchDisk(t, dir)
	}
	time.Sleep(2 * tape.DefaultFlush) // so that the tape is looked at before it is closed, whatever the machine does
	require.Positive(t, searchDisk(t, dir))
	cancel()
	captured.Wait()
	require.EqualValues(t, rounds*4*3, searchDisk(t, dir))
}

// searchDisk returns how many exchanges it saw.
func searchDisk(t *testing.T, dir string) (exchanges int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		search(t, path, raw)
		r, err := tape.Open(path, tape.ReadOptions{})
		if err != nil {
			return nil //nolint:nilerr // not begun yet, or no tape: its bytes were searched
		}
		defer r.Close() //nolint:errcheck // it was only read
		for {
			x, err := r.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			exchanges++
			var text bytes.Buffer
			require.NoError(t, tape.NewJSONLines(&text).Record(x))
			text.Write(x.Body)
			if x.Response != nil {
				text.Write(x.Response.Body)
			}
			search(t, path, text.Bytes())
		}
	}))
	return exchanges
}

func search(t *testing.T, path string, text []byte) {
	t.Helper()
	for _, secret := range secrets {
		if i := bytes.Index(text, []byte(secret)); i >= 0 {
			t.Fatalf("%s holds %q: %q", path, secret, text[max(0, i-40):min(len(text), i+len(secret)+40)])
		}
	}
}
