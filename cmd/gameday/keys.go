package main

import (
	"github.com/spf13/cobra"

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
