// Package redact replaces secrets in exchanges by pseudonyms before anything is stored.
//
// A pseudonym is a keyed hash of the value, so the token in a login answer, the same token in
// a later Authorization header and the same session id in a cookie become the same pseudonym:
// sessions and joins survive, the values do not. See the package example.
package redact

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rules say what is secret. The zero value is the default set of names alone; lists are
// added to it, and Keep takes entries away. Names compare without case.
type Rules struct {
	Headers []string `json:"headers,omitempty"` // header names; of Authorization the scheme, of cookies the name is kept
	JSON    []string `json:"json,omitempty"`    // paths into JSON bodies: $.user.email, $..password, $.items[*].card
	Query   []string `json:"query,omitempty"`   // parameters of the target, and of URLs in Referer and Location
	Form    []string `json:"form,omitempty"`    // fields of url-encoded and multipart bodies, and names in plain text

	// Patterns are kinds of secrets that show by their form wherever they stand. There are no others
	// than the default ones: "credential" (JSON Web Tokens, keys of well-known services), "card",
	// "email", "phone".
	Patterns []string `json:"patterns,omitempty"`

	// Keep lists entries of the default set that stay as they are, spelt as Defaults spells
	// them: "X-Api-Key" keeps the header, "$..password" the JSON value, "password" the query
	// parameter and form field, "email" these and all addresses.
	Keep []string `json:"keep,omitempty"`

	// DropOther drops bodies that no path can look into (text, XML, images). The default
	// keeps them.
	DropOther bool `json:"drop_other,omitempty"`
}

// Defaults is the set that applies unless Rules.Keep takes from it.
func Defaults() Rules {
	fields := []string{
		"password", "passwd", "pwd", "token", "access_token", "refresh_token", "id_token", "session_token",
		"secret", "client_secret", "api_key", "apikey", "private_key", "authorization", "card_number", "cardnumber", "card_no", "cc_number",
		"pan", "cvv", "cvc", "iban", "ssn", "otp", "email", "e_mail", "phone", "phone_number", "mobile", "mobile_number", "telephone",
	}
	r := Rules{
		Headers: []string{
			"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-Auth-Token", "X-Access-Token",
			"X-Csrf-Token", "X-Xsrf-Token", "X-Amz-Security-Token", "X-Goog-Api-Key", "Authentication-Info",
		},
		Query: append([]string{"sig", "signature", "x-amz-signature", "x-amz-credential", "x-amz-security-token"}, fields...),
		Form:  fields,

		Patterns: []string{string(patternCredential), string(patternCard), string(patternEmail), string(patternPhone)},
	}
	for _, f := range fields {
		r.JSON = append(r.JSON, "$.."+f)
	}
	return r
}

const (
	rulesMax = 1000 // entries per list
	keySize  = 32
)

// New compiles rules. The key makes pseudonyms; nil means a random one, so that pseudonyms
// of two captures cannot be joined. Every problem of the rules is in the error.
func New(rules Rules, key []byte) (*Redactor, error) {
	if key == nil {
		key = make([]byte, keySize)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("redact: make a key: %w", err)
		}
	}
	if len(key) < 16 {
		return nil, fmt.Errorf("redact: key of %d bytes is too short to resist guessing: give at least 16", len(key))
	}
	d, problems := Defaults(), []error(nil)
	key = slices.Clone(key)
	r := &Redactor{dropOther: rules.DropOther, policy: policyOf(rules), fields: new(names)}
	for _, k := range rules.Keep {
		if !slices.ContainsFunc(slices.Concat(d.Headers, d.JSON, d.Query, d.Form, d.Patterns), func(s string) bool { return strings.EqualFold(s, k) }) {
			problems = append(problems, fmt.Errorf("redact: keep %q: not in the default set", k))
		}
	}
	list := func(name string, defaults, own []string) []string {
		if len(own) > rulesMax {
			problems = append(problems, fmt.Errorf("redact: %d entries in %s exceed the limit of %d", len(own), name, rulesMax))
			return nil
		}
		kept := slices.DeleteFunc(slices.Clone(defaults), func(s string) bool {
			return slices.ContainsFunc(rules.Keep, func(k string) bool { return strings.EqualFold(s, k) })
		})
		return append(kept, own...)
	}
	for _, p := range rules.Patterns {
		if !slices.Contains(d.Patterns, p) {
			problems = append(problems, fmt.Errorf("redact: pattern %q: want one of %s", p, strings.Join(d.Patterns, ", ")))
		}
	}
	r.passes.New = func() any { return &pass{Redactor: r, mac: newMac(key)} }
	r.looksFor = make(map[pattern]bool)
	for _, p := range list("patterns", d.Patterns, rules.Patterns) {
		r.looksFor[pattern(p)] = true
	}
	r.headers = treatments(list("headers", d.Headers, rules.Headers))
	r.query = setOf(list("query", d.Query, rules.Query))
	r.form = setOf(list("form", d.Form, rules.Form))
	for _, p := range list("json", d.JSON, rules.JSON) {
		path, err := parsePath(p)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if name, ok := path.anywhere(); ok {
			r.fields.set(name, whole)
		} else {
			r.paths = append(r.paths, path)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return r, nil
}

// policyOf names a set of rules; the key has no part in it.
func policyOf(rules Rules) string {
	b, err := json.Marshal(struct {
		Defaults, Own Rules
	}{Defaults(), rules})
	if err != nil {
		panic(err) // strings and a bool always encode
	}
	sum := sha256.Sum256(b)
	return "gd1-" + hex.EncodeToString(sum[:6])
}
