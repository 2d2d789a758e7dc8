package timeshift

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

var (
	then = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	now  = then.Add(100*24*time.Hour + 90*time.Minute + 400*time.Millisecond)
)

func TestValues(t *testing.T) {
	s, err := New(Options{})
	require.NoError(t, err)
	for _, tt := range []struct{ name, value, want string }{
		{"RFC 3339", "2026-03-01T10:00:05Z", "2026-06-09T11:30:05Z"},
		{"with a fraction of its length", "2026-03-01T10:00:05.120Z", "2026-06-09T11:30:05.120Z"},
		{"with a zone", "2026-03-01T10:00:05+01:00", "2026-06-09T11:30:05+01:00"},
		{"with a zone that is none", "2026-03-01T10:00:05+00:00", "2026-06-09T11:30:05+00:00"},
		{"with a zone without colon", "2026-03-01T10:00:05.5-0700", "2026-06-09T11:30:05.5-0700"},
		{"without a zone", "2026-03-01T10:00:05", "2026-06-09T11:30:05"},
		{"with a blank", "2026-03-01 23:00:05", "2026-06-10 00:30:05"},
		{"a date alone, by days", "2026-03-04", "2026-06-12"},
		{"of HTTP", "Sun, 01 Mar 2026 09:59:00 GMT", "Tue, 09 Jun 2026 11:29:00 GMT"},
		{"Unix seconds", "1772359205", "1781004605"},
		{"Unix milliseconds", "1772359205123", "1781004605123"},
		{"not a date of birth", "1984-05-03", ""},
		{"not a Unix time of another year", "1672359205", ""},
		{"not one a little too far back", "1771700000", ""},
		{"not a number of 10 digits", "0123456789", ""},
		{"not a number with a point", "17723592.5", ""},
		{"not a date that is none", "2026-02-30", ""},
		{"not one with more behind it", "2026-03-01T10:00:05Zulu", ""},
		{"not a word", "Sunday morning", ""},
		{"not a path", "/a/2026-03-01", ""},
		{"not what is short", "2026-03", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := s.Value(tt.value, then, now)
			require.Equal(t, tt.want != "", ok)
			require.Equal(t, tt.want, got)
		})
	}
	require.Equal(t, map[string]int64{Dates: 9, Unix: 2}, s.Counts())
	_, ok := s.Value("2026-03-01T10:00:05Z", time.Time{}, now)
	require.False(t, ok, "nobody knows when it was recorded")
}

// pemOf returns a private key as people have it in a file.
func pemOf(t testing.TB, key any) []byte {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func TestTokens(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	secret := []byte("a secret of a test")
	recorded := jwt.NewWithClaims(jwt.SigningMethodHS512, jwt.MapClaims{
		"sub": "ann", "iat": then.Unix(), "auth_time": then.Add(-time.Minute).Unix(), "nbf": then.Unix(), "exp": then.Add(time.Hour).Unix(), "big": 9007199254740993, "roles": []string{"a"},
	})
	recorded.Header["kid"] = "prod-1"
	value, err := recorded.SignedString([]byte("the secret of production"))
	require.NoError(t, err)
	for _, tt := range []struct {
		alg    string
		key    []byte
		verify any
	}{
		{"HS256", secret, secret},
		{"RS256", pemOf(t, rsaKey), rsaKey.Public()},
		{"ES256", pemOf(t, ecKey), ecKey.Public()},
	} {
		t.Run(tt.alg, func(t *testing.T) {
			s, err := New(Options{Key: tt.key})
			require.NoError(t, err)
			got, ok := s.Value(value, then, now)
			require.True(t, ok)
			at := func() time.Time { return now.Add(time.Minute) }
			token, err := jwt.Parse(got, func(*jwt.Token) (any, error) { return tt.verify, nil }, jwt.WithValidMethods([]string{tt.alg}), jwt.WithTimeFunc(at), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
			require.NoError(t, err, "it is valid now, by the test key")
			require.Equal(t, "prod-1", token.Header["kid"])
			exp, err := token.Claims.GetExpirationTime()
			require.NoError(t, err)
			require.Equal(t, now.Add(time.Hour).Round(time.Second).Unix(), exp.Unix())
			require.Contains(t, decoded(t, got), `"big":9007199254740993`, "no number loses digits")
			require.Contains(t, decoded(t, got), `"sub":"ann"`)
			require.Contains(t, decoded(t, got), fmt.Sprintf(`"auth_time":%d`, now.Add(-time.Minute).Round(time.Second).Unix()))
			require.Equal(t, map[string]int64{Tokens: 1}, s.Counts())
		})
	}
	s, err := New(Options{})
	require.NoError(t, err)
	_, ok := s.Value(value, then, now)
	require.False(t, ok)
	require.Equal(t, map[string]int64{Unsigned: 1}, s.Counts())
}

func decoded(t *testing.T, token string) string {
	t.Helper()
	raw, err := jwt.NewParser().DecodeSegment(strings.Split(token, ".")[1])
	require.NoError(t, err)
	return string(raw)
}

func TestWhatIsNoTokenStays(t *testing.T) {
	s, err := New(Options{Key: []byte("a secret of a test")})
	require.NoError(t, err)
	timeless, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ann"}).SignedString([]byte("x"))
	require.NoError(t, err)
	odd, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"exp": "soon"}).SignedString([]byte("x"))
	require.NoError(t, err)
	for _, value := range []string{timeless, odd, "eyJhbGciOi", "eyJ.eyJ.x", "eyJhbGciOiJYWSJ9.e30.x", "eyJ" + string(make([]byte, tokenMax))} {
		_, ok := s.Value(value, then, now)
		require.False(t, ok, value)
	}
	require.Empty(t, s.Counts())
}

func TestBadKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err == nil { // a build may refuse to make one
		_, err = New(Options{Key: pemOf(t, small)})
		require.Error(t, err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	for want, key := range map[string][]byte{
		"too short": []byte("short"), "P-256": pemOf(t, other), "neither an RSA nor an EC": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	} {
		_, err := New(Options{Key: key})
		require.ErrorContains(t, err, want)
	}
}

// FuzzValue: whatever a request holds, what takes its place is a time again, and moves back to where it was.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"2026-03-01T10:00:05.120Z", "2026-03-01T10:00:05.5-0700", "Sun, 01 Mar 2026 09:59:00 GMT", "1772359205", "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.x", "2026-03-04"} {
		f.Add(seed)
	}
	s, err := New(Options{Key: []byte("a secret of a test")})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := s.Value(value, then, now)
		if !ok || len(value) > 40 {
			return
		}
		if back, ok := s.Value(got, now, then); !ok || back != value {
			t.Errorf("%q became %q and then %q", value, got, back)
		}
	})
}

func BenchmarkOrdinaryValue(b *testing.B) {
	s, err := New(Options{})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		s.Value("Mozilla/5.0 (X11)", then, now)
	}
}
