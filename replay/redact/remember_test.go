package redact_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/redact"
)

// TestSecretsThatCameBeforeKeepTheirPseudonyms when there are more of them than a Redactor remembers, and when their bytes have
// become others meanwhile.
func TestSecretsThatCameBeforeKeepTheirPseudonyms(t *testing.T) {
	known := redactor(t, redact.Rules{})
	for round := range 3 {
		for i := range 1000 {
			secret := fmt.Sprint("secret ", i*(round+1)%1000)
			body := []byte(`{"token":"` + secret + `"}`)
			x := &replay.Exchange{Header: replay.Header{{Name: "Authorization", Value: secret}, {Name: "Content-Type", Value: "application/json"}}, Body: body}
			known.Exchange(x)
			clear(body)
			want := redactor(t, redact.Rules{}).Pseudonym(secret)
			require.Equal(t, `{"token":"`+want+`"}`, string(x.Body))
			require.Equal(t, want, known.Pseudonym(secret))
		}
	}
}

// TestContentTypesOfOneLengthAreToldApart although a Redactor remembers one of each.
func TestContentTypesOfOneLengthAreToldApart(t *testing.T) {
	r := redactor(t, redact.Rules{})
	const mail = "ada@example.org"
	for i := range 6 {
		contentType := []string{"text/html", "image/gif"}[i%2]
		x := &replay.Exchange{Header: replay.Header{{Name: "Content-Type", Value: contentType}}, Body: []byte(mail), Size: int64(len(mail))}
		r.Exchange(x)
		require.Equal(t, contentType == "image/gif", string(x.Body) == mail, "%s, time %d", contentType, i)
	}
}
