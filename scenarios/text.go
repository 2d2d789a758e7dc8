package scenarios

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"
)

var (
	namePattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)
	jsonPathPattern = regexp.MustCompile(`^\$(\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]{1,4}\])+$`)
	headerPattern   = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
)

func isName(text string) bool { return namePattern.MatchString(text) }

func nameProblem(what, name string) problem {
	return problem{code: codeName, text: fmt.Sprintf("%s name %q is not a name", what, name), hint: "a letter, then letters, digits, - and _, at most 63"}
}

// checkGlob returns what is wrong with a pattern of request paths.
func checkGlob(glob string) error {
	switch {
	case !strings.HasPrefix(glob, "/"):
		return fmt.Errorf("path %q does not begin with /", glob)
	case strings.ContainsAny(glob, "?#"):
		return fmt.Errorf("path %q holds a query: only the path is matched", glob)
	case strings.ContainsAny(glob, " \t\r\n"):
		return fmt.Errorf("path %q holds a space", glob)
	}
	segments := strings.Split(glob[1:], "/")
	for i, s := range segments {
		switch {
		case s == "**" && i < len(segments)-1:
			return fmt.Errorf("path %q: ** stands only at the end", glob)
		case s != "**" && strings.Contains(s, "**"):
			return fmt.Errorf("path %q: ** stands alone, as in /products/**", glob)
		}
		if _, err := path.Match(s, ""); err != nil {
			return fmt.Errorf("path %q: segment %q is no pattern: close its bracket", glob, s)
		}
	}
	return nil
}

// checkURL returns what is wrong with the URL of an HTTP service.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no URL that begins with http:// or https:// and names a host", text)
	}
	return nil
}

// scrapeURL returns the URL of a target: host:port stands for its /metrics.
func scrapeURL(target string) (string, error) {
	if strings.Contains(target, "://") {
		return target, checkURL(target)
	}
	if host, port, err := net.SplitHostPort(target); err != nil || host == "" || port == "" {
		return "", fmt.Errorf("target %q is neither a URL nor host:port", target)
	}
	full := "http://" + target + "/metrics"
	return full, checkURL(full)
}

// checkPattern returns what is wrong with a pattern of target names.
func checkPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		return fmt.Errorf("pattern %q is not closed or empty", pattern)
	}
	return nil
}

// checkHost reports what is no name or address of a host alone.
func checkHost(text string) error {
	if text == "" || strings.ContainsAny(text, "/@ *") || strings.Count(text, ":") == 1 {
		return fmt.Errorf("%q is no host: want a name or an address, without scheme and port", text)
	}
	return nil
}

// checkHeader returns what is wrong with the name of a header.
func checkHeader(name string) error {
	if !headerPattern.MatchString(name) {
		return fmt.Errorf("%q is no name of a header", name)
	}
	return nil
}

// checkRegexp returns what is wrong with a regular expression.
func checkRegexp(text string) error {
	if _, err := regexp.Compile(text); err != nil {
		return fmt.Errorf("no regular expression (RE2): %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return nil
}

// checkJSONPath returns what is wrong with the path of a field in a JSON body.
func checkJSONPath(text string) error {
	if !jsonPathPattern.MatchString(text) {
		return fmt.Errorf("%q is no path of a field: want one such as $.user or $.items[0].id", text)
	}
	return nil
}
