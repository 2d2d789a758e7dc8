package main

import (
	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
)

// addMiddlewareFlag gives a verb the flag that names a middleware, under goreplay's name.
func addMiddlewareFlag(c *cobra.Command, g *global, o *wire.MiddlewareOptions) {
	o.Stderr = g.stderr
	c.Flags().StringVar(&o.Command, "middleware", "", "program that sees the messages on their way, and says what becomes of them, by goreplay's protocol: 'python3 tokens.py'")
}
