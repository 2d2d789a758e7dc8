package wire

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/harness/platform/local"
)

func TestOnlyNobodyThereIsNoTopology(t *testing.T) {
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer locked.Close()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for _, row := range []struct {
		name, url, want string
		mode            os.FileMode
	}{
		{"no file", "", "", 0},
		{"nobody listens", away.URL, "", 0o600},
		{"somebody else listens", stranger.URL, "if it is gone, remove that file", 0o600},
		{"it is another one's", locked.URL, "or use another --store", 0o600},
		{"others may read the file", away.URL, "chmod 600", 0o644},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := t.TempDir()
			if row.url != "" {
				path := EndpointPath(root)
				require.NoError(t, local.WriteEndpoint(path, local.Endpoint{URL: row.url, Token: "t", PID: 1, Started: time.Now()}))
				require.NoError(t, os.Chmod(path, row.mode))
			}
			up, err := Attach(t.Context(), root)
			require.Nil(t, up)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.want)
		})
	}
}
