package tape_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

func Example() {
	dir, err := os.MkdirTemp("", "tape")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "shop.gdtape")

	w, err := tape.Create(path, tape.Meta{Source: "by hand"}, tape.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, target := range []string{"/", "/search?q=tea", "/products/7"} {
		x := &replay.Exchange{Seq: uint64(i), At: time.Duration(i) * time.Second, Method: "GET", Target: target}
		if err := w.Record(x); err != nil {
			fmt.Println(err)
		}
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}

	r, err := tape.Open(path, tape.ReadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	later, err := tape.Cut(r, tape.Span{From: time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := tape.Copy(context.Background(), printer{}, later)
	fmt.Println(n, err)
	// Output:
	// 1s GET /search?q=tea
	// 2s GET /products/7
	// 2 <nil>
}

type printer struct{}

func (printer) Record(x *replay.Exchange) error {
	_, err := fmt.Println(x.At, x.Method, x.Target)
	return err
}
