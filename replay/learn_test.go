package replay

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// learn adds lines such as "GET /products/17".
func learn(lines ...string) *Learner {
	l := &Learner{}
	for _, line := range lines {
		method, target, _ := strings.Cut(line, " ")
		l.Add(method, target)
	}
	return l
}

func names(flows []gameday.Flow) (all []string) {
	for _, f := range flows {
		all = append(all, f.Name)
	}
	return all
}

func TestLearnerFindsRoutes(t *testing.T) {
	many := func(n int, format string) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf(format, fmt.Sprintf("name-%c%c", 'g'+i/20, 'g'+i%20)))
		}
		return lines
	}
	for _, c := range []struct {
		because string
		lines   []string
		want    []string
	}{
		{"nothing is known of nothing", nil, nil},
		{"values of one place are one route", []string{"GET /products/1", "GET /products/2?x=3"}, []string{"GET /products/{}"}},
		{"methods are told apart", []string{"POST /orders", "GET /orders"}, []string{"GET /orders", "POST /orders"}},
		{"a name comes before a value", []string{"GET /orders/17", "GET /orders/mine", "GET /orders"}, []string{"GET /orders", "GET /orders/mine", "GET /orders/{}"}},
		{"a slash at the end makes another route", []string{"GET /orders/", "GET /orders"}, []string{"GET /orders", "GET /orders/"}},
		{"50 names are names", many(50, "GET /users/%s")[48:], []string{"GET /users/name-io", "GET /users/name-ip"}},
		{"more than 50 are values", many(51, "GET /users/%s/cart"), []string{"GET /users/{}/cart"}},
		{"and join the values that are there", append(many(51, "GET /users/%s/cart"), "GET /users/17/cart", "GET /users/17"), []string{"GET /users/{}", "GET /users/{}/cart"}},
		{"and what follows them is joined", append(many(51, "GET /users/%s/cart"), "GET /users/zzz/likes/4"), []string{"GET /users/{}/cart", "GET /users/{}/likes/{}"}},
		{"a list beside values keeps its slash", append(many(51, "GET /users/%s"), "GET /users/"), []string{"GET /users/", "GET /users/{}"}},
		{"what is no path has no route", []string{"GET http://shop/", "OPTIONS *", "GET ", "G T /"}, nil},
		{"nor has a path without end", []string{"GET " + strings.Repeat("/a", 17)}, nil},
	} {
		require.Equal(t, c.want, names(learn(c.lines...).Flows()), c.because)
	}
}

func TestLearnerKeepsTheMostFrequentRoutes(t *testing.T) {
	l := &Learner{}
	for i := range 4 * maxNames {
		page := fmt.Sprintf("/%c/%c%c", 'a'+i/50, 'g'+i%50/10, 'g'+i%10)
		l.Add("GET", page)
		if i < 3 || i > 195 {
			l.Add("GET", page)
		}
	}
	flows := l.Flows()
	require.Len(t, flows, MaxRoutes)
	require.Equal(t, "GET /a/gg", flows[0].Name)
	require.Equal(t, "GET /d/kp", flows[MaxRoutes-1].Name, "a frequent one is kept, wherever it stands")
	require.Equal(t, gameday.Core, flows[0].Criticality)
}

func TestLearnerEscapesNames(t *testing.T) {
	flows := learn(`GET /a*b/x[1`, `GET /a\b`).Flows()
	require.Equal(t, []string{`GET /a*b/{}`, `GET /a\b`}, names(flows))
	r := newRoutes(flows)
	require.Equal(t, 0, r.find("GET", "/a*b/x[1"))
	require.Equal(t, 2, r.find("GET", "/acb/x[1"), "a star in a recorded path is a star")
}

func TestLearnerIsBounded(t *testing.T) {
	l := &Learner{}
	for i := range 200_000 {
		l.Add("GET", fmt.Sprintf("/%c%c/%c%c/%c%c", 'g'+i%7, 'g'+i/7%7, 'g'+i/49%7, 'g'+i/343%7, 'g'+i/2401%7, 'g'+i/16807%7))
	}
	require.LessOrEqual(t, l.nodes, maxNodes)
	require.LessOrEqual(t, len(l.Flows()), MaxRoutes)
}

// TestRoutesAreFoundAsOneByOne holds the tree of flows against the definition: the first flow that matches.
func TestRoutesAreFoundAsOneByOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	globs := []string{"a", "b", "*", "**", "", "a*", "?", "[ab]", `\*`, "["}
	texts := []string{"a", "b", "ab", "", "*", "c", "["}
	join := func(of []string, most int) string {
		var s []string
		for range 1 + rng.IntN(most) {
			s = append(s, of[rng.IntN(len(of))])
		}
		return strings.Repeat("/", rng.IntN(2)) + strings.Join(s, "/")
	}
	for range 20_000 {
		flows := make([]gameday.Flow, rng.IntN(6))
		for i := range flows {
			flows[i] = gameday.Flow{Name: fmt.Sprint(i), Method: []string{"", "GET", "post"}[rng.IntN(3)], Path: join(globs, 4)}
		}
		r := newRoutes(flows)
		method, target := []string{"GET", "POST"}[rng.IntN(2)], join(texts, 4)
		want := len(flows)
		for i := len(flows) - 1; i >= 0; i-- {
			if (route{flows[i].Method, flows[i].Path}).match(method, target) {
				want = i
			}
		}
		require.Equal(t, want, r.find(method, target), "%s %q among %+v", method, target, flows)
	}
}

// FuzzLearner learns routes from any requests: the same again, few enough, and each request is found to be of its own.
func FuzzLearner(f *testing.F) {
	f.Add("GET /products/1\nGET /products/2\nPOST /orders\nGET /\nGET //\nGET /{}\nGET /a%2Fb\nGET /*\nGET /**")
	f.Add("GET /x\nGET /x/\nget /x\nGET x\nGET /[\nGET /\\")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		flows := learn(lines...).Flows()
		require.Equal(t, flows, learn(lines...).Flows())
		require.LessOrEqual(t, len(flows), MaxRoutes)
		r := newRoutes(flows)
		seen := map[string]bool{}
		for _, flow := range flows {
			require.False(t, seen[flow.Name], "%s is there twice", flow.Name)
			seen[flow.Name] = true
		}
		if len(lines) > MaxRoutes {
			return // some may be left out
		}
		for _, line := range lines {
			method, target, _ := strings.Cut(line, " ")
			if !isToken(method) || !strings.HasPrefix(target, "/") || strings.Count(target, "/") > maxDepth {
				continue
			}
			require.Equal(t, strings.ToUpper(method)+" "+Template(target), r.flows[r.find(method, target)].Name)
		}
	})
}
