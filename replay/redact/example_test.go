package redact_test

import (
	"fmt"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/redact"
)

func Example() {
	r, err := redact.New(redact.Rules{JSON: []string{"$.user.email"}}, []byte("kept by whoever made the capture"))
	if err != nil {
		fmt.Println(err)
		return
	}
	login := &replay.Exchange{Response: &replay.Response{Body: []byte(`{"user":{"email":"ada@example.org"},"token":"T0ken"}`)}}
	cart := &replay.Exchange{Header: replay.Header{{Name: "Authorization", Value: "Bearer T0ken"}}}
	r.Exchange(login)
	r.Exchange(cart)
	fmt.Println(string(login.Response.Body))
	fmt.Println(cart.Header.Get("Authorization"))
	// Output:
	// {"user":{"email":"gd-756bcasthoeemd7t@example.com"},"token":"gd~k2cov5dhwinrty4n"}
	// Bearer gd~k2cov5dhwinrty4n
}
