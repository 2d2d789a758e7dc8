package wire

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// writePEM writes blocks to a file.
func writePEM(t *testing.T, name string, kind string, blocks ...[]byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})...)
	}
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

func TestReplayOverTLS(t *testing.T) {
	var shown atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		shown.Add(int32(len(r.TLS.PeerCertificates)))
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	cert, keyFile := writePEM(t, "cert.pem", "CERTIFICATE", pair.Certificate...), writePEM(t, "key.pem", "PRIVATE KEY", key)
	tape := filepath.Join(t.TempDir(), "access.log")
	require.NoError(t, os.WriteFile(tape, []byte(`10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 5`+"\n"), 0o600))

	for _, tt := range []struct {
		name  string
		files TLSFiles
		class gameday.Class
		shown int32
	}{
		{"a server that the system's authorities do not know", TLSFiles{}, gameday.ClassError, 0},
		{"a server that the given authority knows", TLSFiles{CA: cert}, gameday.ClassOK, 0},
		{"a server that nobody has to know", TLSFiles{Insecure: true}, gameday.ClassOK, 0},
		{"a client that shows who it is", TLSFiles{CA: cert, Cert: cert, Key: keyFile}, gameday.ClassOK, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shown.Store(0)
			done, err := Replay(t.Context(), ReplayOptions{Traffic: gameday.TrafficPlan{Tape: tape, To: s.URL}, TLS: tt.files})
			require.NoError(t, err)
			require.EqualValues(t, 1, done.Traffic.Slices[0].Classes[tt.class], "%+v", done.Traffic.Worst)
			require.Equal(t, tt.shown, shown.Load())
		})
	}
}

func TestTLSFilesThatAreNoUse(t *testing.T) {
	empty := writePEM(t, "empty.pem", "NOTHING")
	for _, tt := range []struct {
		name  string
		files TLSFiles
		want  string
	}{
		{"a certificate without its key", TLSFiles{Cert: "cert.pem"}, "--key"},
		{"a certificate that is not there", TLSFiles{Cert: "nowhere.pem", Key: "nowhere.pem"}, "nowhere.pem"},
		{"authorities without a certificate", TLSFiles{CA: empty}, "no certificate in it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.files.load()
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestASchemeIsKnownHoweverItIsWritten(t *testing.T) {
	for service, secure := range map[string]bool{"http://shop": false, "HTTP://shop": false, "https://shop": true, "HTTPS://shop": true, "shop": false} {
		require.Equal(t, secure, CaptureOptions{To: service}.secure(), service)
	}
}
