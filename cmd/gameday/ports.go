package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// ports is a flag of port numbers: 80, or 80,8080, or given again.
type ports []uint16

// String lists the ports.
func (p *ports) String() string {
	names := make([]string, len(*p))
	for i, port := range *p {
		names[i] = strconv.Itoa(int(port))
	}
	return strings.Join(names, ",")
}

// Set adds ports.
func (p *ports) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		port, err := strconv.ParseUint(strings.TrimSpace(name), 10, 16)
		if err != nil || port == 0 {
			return fmt.Errorf("%q is no port: want 1 to 65535", name)
		}
		if *p = append(*p, uint16(port)); len(*p) > portsMax {
			return fmt.Errorf("more than %d ports", portsMax)
		}
	}
	return nil
}

// addVXLAN adds the flag of tunnels.
func addVXLAN(c *cobra.Command, port *uint16) {
	f := c.Flags()
	f.Uint16Var(port, "vxlan", 0, "look into VXLAN tunnels too, to this UDP port: --vxlan is --vxlan=4789")
	f.Lookup("vxlan").NoOptDefVal = "4789"
}

// portsMax keeps the filter for the kernel short.
const portsMax = 32

// Type names the value in help.
func (p *ports) Type() string { return "port" }
