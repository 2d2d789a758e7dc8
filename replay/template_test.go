package replay

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplate(t *testing.T) {
	for _, c := range []struct{ because, path, want string }{
		{"words stay", "/products/new", "/products/new"},
		{"the root and a slash at the end stay", "/", "/"},
		{"the root and a slash at the end stay", "/products/", "/products/"},
		{"the query is no part of it", "/search?q=17", "/search"},
		{"a number is a value", "/products/17/reviews", "/products/{}/reviews"},
		{"so is one of one digit", "/pages/2", "/pages/{}"},
		{"and one behind a word", "/orders/order-17", "/orders/{}"},
		{"and a decimal", "/at/52.5", "/at/{}"},
		{"a key of words and many digits", "/sku/SKU123", "/sku/{}"},
		{"a date", "/slots/2026-11-22", "/slots/{}"},
		{"a UUID", "/u/3f2a1bcd-0e1f-4a2b-8c3d-4e5f60718293", "/u/{}"},
		{"a short hash", "/commits/3f9a8c1", "/commits/{}"},
		{"a hash without digits", "/commits/deadbeef", "/commits/{}"},
		{"a hash in the name of a file", "/static/app.3f9a8c1.js", "/static/{}"},
		{"a name of a file without one stays", "/static/app.min.js", "/static/app.min.js"},
		{"short words of these letters stay", "/facade/bead", "/facade/bead"},
		{"a token", "/reset/kJh7fGdSaQwErTyUiOpZ", "/reset/{}"},
		{"a token without digits", "/reset/abcdefghijklmnopqrstuvwxyz", "/reset/{}"},
		{"a pseudonym of redaction", "/carts/gd~abcdefghijklmnop/items", "/carts/{}/items"},
		{"an address", "/users/ada@example.com", "/users/{}"},
		{"what is escaped", "/tags/gr%C3%BCn", "/tags/{}"},
		{"a list", "/compare/tea,milk", "/compare/{}"},
		{"a key in parentheses", "/Products(5)", "/{}"},
		{"the title of an article", "/blog/how-we-broke-our-own-shop-on-purpose", "/blog/{}"},
		{"a short title stays", "/blog/hello-world", "/blog/hello-world"},
		{"versions stay", "/api/v1/v1.2/users", "/api/v1/v1.2/users"},
		{"but not what only begins so", "/api/v1-17/vat/v", "/api/{}/vat/v"},
		{"words with a short number at their end stay", "/oauth2/s3/ipv6", "/oauth2/s3/ipv6"},
		{"other letters are letters", "/käse/brötchen", "/käse/brötchen"},
		{"nobody is taken in by our own placeholder", "/{}", "/{}"},
	} {
		require.Equal(t, c.want, Template(c.path), "%s: %s", c.because, c.path)
	}
}
