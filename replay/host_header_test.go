package replay

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/mark"
)

// TestRequestsCarryTheHostThatIsWanted, and are signed for it.
func TestRequestsCarryTheHostThatIsWanted(t *testing.T) {
	key := []byte("0123456789abcdef")
	for _, tt := range []struct {
		name, recorded string
		own            bool
		want           string // the target's when empty
	}{
		{"that of the target", "shop.example", false, ""},
		{"that of the recording", "shop.example:8080", true, "shop.example:8080"},
		{"that of the target, where none was recorded", "", true, ""},
		{"that of the target, where the recorded one would break the header", "a\r\nX-Evil: 1", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var hosts []string
			var signed error
			url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				hosts = append(hosts, r.Host)
				signed = verified(key, r)
			})
			x := get("s", 0, "/")
			x.Host = tt.recorded
			play(t, Config{Open: opener(x), Targets: []string{url}, OwnHost: tt.own, Key: key, Run: "r"})
			if tt.want == "" {
				tt.want = url[len("http://"):]
			}
			require.Equal(t, []string{tt.want}, hosts)
			require.NoError(t, signed)
		})
	}
}

func verified(key []byte, r *http.Request) error {
	signer, err := mark.NewSigner(key)
	if err != nil {
		return err
	}
	_, err = mark.Verify([]*mark.Signer{signer}, r.Header.Get(mark.Header), r.Header.Get(mark.Colour), r.Method, []string{r.Host}, time.Now(), time.Minute)
	return err
}
