// Package platform is the parent of what monkeys act on: package local starts a topology as processes of
// this machine, and package platformtest is the suite that every platform passes. The contract itself,
// gameday.Platform and its abilities, lies in the root package. See local.Example.
package platform
