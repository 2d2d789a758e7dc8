package timeshift

import (
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The limits of what is taken for a token, and as a secret.
const (
	tokenMax  = 16 << 10
	secretMin = 16
)

// moved are the claims that hold times: those of RFC 7519, and that of OpenID Connect by which a login may be too old.
var moved = []string{"exp", "iat", "nbf", "auth_time"}

// A signer signs tokens with one key.
type signer struct {
	method jwt.SigningMethod
	key    any
}

func newSigner(key []byte) (*signer, error) {
	if !strings.Contains(string(key), "-----BEGIN") {
		if len(key) < secretMin {
			return nil, fmt.Errorf("key for tokens: a secret of %d bytes is too short: give at least %d, or the PEM of a private key", len(key), secretMin)
		}
		return &signer{jwt.SigningMethodHS256, key}, nil
	}
	if private, err := jwt.ParseRSAPrivateKeyFromPEM(key); err == nil {
		return &signer{jwt.SigningMethodRS256, private}, check(private)
	}
	private, err := jwt.ParseECPrivateKeyFromPEM(key)
	if err != nil {
		return nil, errors.New("key for tokens: the PEM holds neither an RSA nor an EC private key")
	}
	if private.Curve != elliptic.P256() {
		return nil, errors.New("key for tokens: want an EC key of the curve P-256, for ES256")
	}
	return &signer{jwt.SigningMethodES256, private}, nil
}

func check(key *rsa.PrivateKey) error {
	if key.N.BitLen() < 2048 {
		return fmt.Errorf("key for tokens: an RSA key of %d bits is too short: want 2048", key.N.BitLen())
	}
	return nil
}

// token moves the claims of a JSON Web Token and signs it. The header stays, but for its algorithm.
func (s *Shifter) token(value string, by time.Duration) (string, bool) {
	if len(value) > tokenMax || strings.Count(value, ".") != 2 {
		return "", false
	}
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(value, claims)
	if err != nil {
		return "", false
	}
	dated := false
	for _, name := range moved {
		if at, ok := claims[name].(json.Number); ok {
			if claims[name], ok = later(at, by); !ok {
				return "", false
			}
			dated = true
		}
	}
	if !dated {
		return "", false
	}
	if s.signer == nil {
		s.unsigned.Add(1)
		return "", false
	}
	token.Header["alg"] = s.signer.method.Alg()
	token.Method = s.signer.method
	text, err := token.SignedString(s.signer.key)
	if err != nil {
		return "", false
	}
	s.tokens.Add(1)
	return text, true
}

// later moves a NumericDate, which may have a fraction.
func later(at json.Number, by time.Duration) (json.Number, bool) {
	if n, err := at.Int64(); err == nil {
		return json.Number(strconv.FormatInt(n+int64(by/time.Second), 10)), true
	}
	f, err := at.Float64()
	if err != nil || math.IsInf(f, 0) || math.Abs(f) > 1e15 {
		return "", false
	}
	return json.Number(strconv.FormatFloat(f+by.Seconds(), 'f', -1, 64)), true
}
