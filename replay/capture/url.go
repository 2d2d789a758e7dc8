package capture

import (
	"net/textproto"
	"strings"
)

// splitURL takes an absolute URL apart, byte for byte. Fragments stay behind: no client sends
// them.
func splitURL(url string) (host, target string, ok bool) {
	scheme, rest, found := strings.Cut(url, "://")
	if !found || scheme == "" || strings.ContainsAny(scheme, "/?#") {
		return "", "", false
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, target = rest[:end], rest[end:]
	host = host[strings.LastIndexByte(host, '@')+1:]
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	return host, target, host != ""
}

// headerName turns the tail of a variable such as http_x_request_id into the name of a header.
func headerName(variable string) string {
	return textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(variable, "_", "-"))
}
