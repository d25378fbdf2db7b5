// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
)

func newDoctor(stdout io.Writer) *cobra.Command {
	var pid int
	var btf string
	command := &cobra.Command{
		Use:   "doctor [--pid PID] [--btf FILE]",
		Short: "What this kernel and these privileges allow, hook by hook",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			checks := loader.Examine(btf)
			if c.Flags().Changed("pid") {
				checks = append(checks, examineTarget(c, pid))
			}
			if err := report.Doctor(stdout, checks, styleOf(stdout)); err != nil {
				return err
			}
			for _, check := range checks {
				if check.Required && !check.Works {
					return exit(exitUsage)
				}
			}
			return nil
		},
	}
	command.Flags().IntVar(&pid, "pid", 0, "also look whether process `PID` can be measured")
	command.Flags().StringVar(&btf, "btf", "", "the kernel’s type information, from `FILE`")
	return command
}

// examineTarget tries what a run would do to find its target.
func examineTarget(c *cobra.Command, pid int) results.Check {
	check := results.Check{
		Name: "target", Needs: "a process that listens on a Unix stream socket",
		Gives: "anything to measure", Required: true,
	}
	target, err := gateway.Inspect(c.Context(), pid)
	var sockets []gateway.Socket
	if err == nil {
		sockets, err = target.Sockets(c.Context())
	}
	if err == nil {
		_, err = gateway.Choose(sockets, "", target)
	}
	check.Works = err == nil
	if err != nil {
		check.Detail = err.Error()
	}
	return check
}
