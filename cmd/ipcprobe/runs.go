// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/store"
)

func newRuns(stdout io.Writer) *cobra.Command {
	format := "text"
	command := &cobra.Command{
		Use:   "runs [DIR]",
		Short: "List the stored runs of a folder (default: results)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			parent := store.DefaultParent
			if len(args) == 1 {
				parent = args[0]
			}
			return listRuns(parent, format, stdout)
		},
	}
	command.Flags().StringVar(&format, "format", format, "what goes to standard output: text or json")
	return command
}

// listRuns prints a line a run. One that can't be read has a line that says why.
func listRuns(parent, format string, stdout io.Writer) error {
	entries, err := store.List(parent)
	if err != nil {
		return err
	}
	lines := make([]report.RunLine, 0, len(entries))
	for _, e := range entries {
		var r *results.Result
		err := e.Err
		if err == nil {
			r, err = store.Open(e.Path)
		}
		lines = append(lines, report.RunLineOf(e.Name, r, err))
	}
	if format == "json" {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(lines)
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintf(stdout, "No runs are stored in %s.\n", parent)
		return err
	}
	return report.RunsText(stdout, lines, styleOf(stdout))
}
