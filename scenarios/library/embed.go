// Package library holds the scenarios that ship with gameday.
package library

import "embed"

// Files are the scenarios, one YAML file each.
//
//go:embed *.yaml
var Files embed.FS
