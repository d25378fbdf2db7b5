// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/load"
)

func newLoad(stdout, stderr io.Writer) *cobra.Command {
	var o *load.Options
	var control *int
	command := &cobra.Command{
		Use:   "load --socket PATH",
		Short: "Load a server and print what the client saw; needs no privilege",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Check(); err != nil {
				return err
			}
			if *control >= 0 {
				return load.Serve(*control, *o)
			}
			if o.Socket == "" {
				return fmt.Errorf("--socket is missing; say which socket to load")
			}
			return loadAlone(c.Context(), o, stdout, stderr)
		},
	}
	o = load.Flags(command.Flags())
	control = load.ControlFlag(command.Flags())
	command.Flags().SortFlags = false
	return command
}
