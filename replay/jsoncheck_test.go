package replay

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shopAnswer is the body of an answer as shops have them.
const shopAnswer = `{"channel":"web","product":{"id":"p0291","name":"royal bagels no. 291","category":"bakery","list_cents":5899,"product_id":"p0291",` +
	`"price_cents":5309,"promotion":"bakery 10","available":99997,"new":false},"recommend":["p0010","p0075","p0054","p0077"]}`

var documents = []string{
	shopAnswer, "", " ", "{}", " [ ] ", "[1,2 , 3]\n", `{"a":1,}`, `[1,]`, `[,1]`, `{"a" : -0.5e+10 , "b":[true,false,null]}`, `{"a"}`, `{1:2}`, `"`, `"\u00e9\n\/"`, `"\u00g9"`, `"\u00`,
	`"\x"`, "\"\x00\"", "\"\x7f\xff\"", "01", "1.", ".5", "1e", "1e+", "-", "-0", "00", "+1", "nul", "nulll", "true false", "1 2", "[1]]", "{]", "\x001", "1\x00", "\ufeff{}",
	`"\u00\x1a0"`, `"\u001` + "\x10" + `"`, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
}

func TestDocumentsAreJudgedAsByTheStandardLibrary(t *testing.T) {
	for _, doc := range documents {
		require.Equal(t, json.Valid([]byte(doc)), ValidJSON([]byte(doc)), "%.60q", doc)
	}
	for at := range shopAnswer { // each byte changed into each other one
		for c := range 256 {
			doc := []byte(shopAnswer)
			doc[at] = byte(c)
			require.Equal(t, json.Valid(doc), ValidJSON(doc), "%q", doc)
		}
	}
}

func FuzzValidJSON(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if want := json.Valid(doc); ValidJSON(doc) != want {
			t.Errorf("%q: want %v", doc, want)
		}
	})
}

func BenchmarkValidJSON(b *testing.B) {
	doc := []byte(shopAnswer)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if !ValidJSON(doc) {
			b.Fatal("it is valid")
		}
	}
}
