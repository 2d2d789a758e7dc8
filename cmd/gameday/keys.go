package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gameday-dev/gameday/internal/wire"
)

// addIdentities gives a verb that reads tapes the flag that opens encrypted ones.
func addIdentities(c *cobra.Command, k *wire.Keys) {
	c.Flags().StringSliceVar(&k.Identities, "identity", nil, "file with the age identity that opens an encrypted tape ($"+wire.IdentityVariable+")")
}

// addRecipients gives a verb that writes a tape the flag that encrypts it.
func addRecipients(c *cobra.Command, k *wire.Keys) {
	c.Flags().StringSliceVar(&k.Recipients, "encrypt-to", nil, "encrypt the tape to this age recipient (age1...), or to those in this file (repeatable)")
}

// addRedactKeyFlag gives a verb that redacts the flag that names the key of pseudonyms.
func addRedactKeyFlag(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "redact-key", "", "file with the key of pseudonyms, at least 16 bytes, so that several recordings join ($"+wire.RedactKeyVariable+"); random when not given")
}

// noteUnsealed says that what was written is not encrypted, though what it was made of is.
func noteUnsealed(g *global, from []string, to string, k wire.Keys) {
	for _, path := range wire.Unsealed(from, k) {
		fmt.Fprintf(g.stderr, "note: %s is encrypted, and %s is not: a tape is with --encrypt-to\n", path, to)
	}
}
