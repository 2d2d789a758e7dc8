package capture

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gameday-dev/gameday/replay"
)

// Sessions says how an exchange shows whose it is: by a cookie, else by a credential, else by
// its connection. The zero value looks for the cookie sid and the header Authorization.
type Sessions struct {
	Cookie string // name of the cookie; "-" for none
	Header string // name of the header; "-" for none
}

func (s Sessions) withDefaults() Sessions {
	if s.Cookie == "" {
		s.Cookie = "sid"
	}
	if s.Header == "" {
		s.Header = "Authorization"
	}
	return s
}

// sessions names the session of each exchange. A credential that a response hands out (a
// cookie, a token in a JSON body) belongs to the session that asked for it: the login and what
// follows it stay together. It sees redacted exchanges, so names are pseudonyms.
type sessions struct {
	Sessions
	// Credentials and their sessions, in two generations: when young is full it becomes old
	// and the old one is forgotten. So memory is bounded and a session in use is kept.
	young, old map[string]string

	conns [connsMax]connName
}

// connName is the session of a connection that nothing else is known of. It is made once for all exchanges of that, as long as
// fewer than connsMax connections are in use.
type connName struct {
	conn uint64
	name string
}

const (
	credentialsMax = 50_000
	connsMax       = 1 << 10
)

func newSessions(s Sessions) *sessions {
	return &sessions{Sessions: s.withDefaults(), young: make(map[string]string)}
}

// name returns the session of an exchange that is complete, and learns from its response.
func (s *sessions) name(x *replay.Exchange) string {
	cookie := cookieValue(x.Header, s.Cookie)
	credential := lastWord(x.Header.Get(s.Header))
	name := s.lookup(cookie)
	if name == "" && cookie != "" {
		name = cookie
	}
	if name == "" {
		name = s.lookup(credential)
	}
	if name == "" && credential != "" {
		name = credential
	}
	if name == "" && x.Conn != 0 {
		name = s.connection(x.Conn)
	}
	s.bind(cookie, name)
	s.bind(credential, name)
	if r := x.Response; r != nil && r.Status < 400 {
		for _, f := range r.Header {
			if named(f.Name, "Set-Cookie") {
				pair, _, _ := strings.Cut(f.Value, ";")
				if key, value, _ := strings.Cut(strings.TrimSpace(pair), "="); key == s.Cookie {
					s.bind(value, name)
				}
			}
		}
		s.bind(tokenIn(r.Body), name)
	}
	return name
}

// connection is the name of a connection.
func (s *sessions) connection(conn uint64) string {
	known := &s.conns[conn%connsMax]
	if known.conn != conn {
		*known = connName{conn, "conn-" + strconv.FormatUint(conn, 16)}
	}
	return known.name
}

func (s *sessions) lookup(credential string) string {
	if credential == "" {
		return ""
	}
	if name, ok := s.young[credential]; ok {
		return name
	}
	return s.old[credential]
}

func (s *sessions) bind(credential, name string) {
	if credential == "" || name == "" || s.young[credential] == name {
		return
	}
	if len(s.young) >= credentialsMax {
		s.old, s.young = s.young, make(map[string]string)
	}
	s.young[strings.Clone(credential)] = strings.Clone(name) // or they would hold the records that they stand in
}

func cookieValue(h replay.Header, name string) string {
	for _, f := range h {
		if named(f.Name, "Cookie") {
			if value := cookieIn([]string{f.Value}, name); value != "" {
				return value
			}
		}
	}
	return ""
}

// named reports whether a header line has a name, in whatever case. Nearly all differ in their length already.
func named(name, as string) bool { return len(name) == len(as) && strings.EqualFold(name, as) }

// cookieIn looks for a cookie in lines of the header Cookie.
func cookieIn(lines []string, name string) string {
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			if key, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && key == name {
				return value
			}
		}
	}
	return ""
}

// credentialIn is the credential in the first of the lines.
func credentialIn(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lastWord(lines[0])
}

// lastWord is a credential without its scheme.
func lastWord(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, ' ')+1:]
}

const answerMax = 64 << 10 // a login answer is small; larger bodies are not looked into

// tokenIn returns the credential that a JSON answer hands out, if any.
func tokenIn(body []byte) string {
	if len(body) > answerMax || !bytes.HasPrefix(body, []byte("{")) || !bytes.Contains(body, []byte(`token"`)) {
		return ""
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	if answer.Token != "" {
		return answer.Token
	}
	return answer.AccessToken
}
