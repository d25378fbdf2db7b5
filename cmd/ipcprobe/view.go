// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/google/pprof/profile"
	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/cmd/ipcprobe/viewer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/report/page"
	"github.com/ipcprobe/ipcprobe/results/stats"
	"github.com/ipcprobe/ipcprobe/results/store"
)

func newView(stdout, stderr io.Writer) *cobra.Command {
	port := 0
	command := &cobra.Command{
		Use:   "view RUN",
		Short: "Serve a stored run, its report and its profiles, to a browser on this machine",
		Long: `Serve a stored run to a browser on this machine, until interrupted: report.html
laid out anew, and pprof's own views of each profile beside it. The address that
is printed holds a secret; without it nothing is served.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if port < 0 || port > 65535 {
				return fmt.Errorf("--port is %d; it must be 1 to 65535, or 0 for a free one", port)
			}
			return serveRun(c.Context(), args[0], port, stdout, stderr)
		},
	}
	command.Flags().IntVar(&port, "port", port, "serve on loopback port `N` (default: a free one)")
	return command
}

// serveRun serves until the context ends, which is no failure.
func serveRun(ctx context.Context, path string, port int, stdout, stderr io.Writer) error {
	result, material, files, err := readRun(path, stderr)
	if err != nil {
		return err
	}
	defer files.Close()
	names, err := files.List()
	if err != nil {
		return err
	}
	token := viewer.NewToken()
	handler, err := viewer.New(token, viewer.Content{
		Page: func(w io.Writer, links []viewer.Link) error {
			for _, l := range links {
				material.Links = append(material.Links, page.Link(l))
			}
			return report.HTML(w, result, material)
		},
		Profiles: profilesOf(material),
		Files:    names,
		Open:     files.Open,
	})
	if err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("serve on the loopback: %w; leave --port out to take a free one", err)
	}
	fmt.Fprintf(stdout, "http://%s/%s/\n", listener.Addr(), token)
	fmt.Fprintln(stderr, "Open this address in a browser on this machine; Ctrl-C ends it.")
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(closing)
		err = errors.Join(server.Close(), <-served)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// readRun reads a stored run. Files of it that can't be read are named on stderr
// and left out: the rest is still worth a look.
func readRun(path string, stderr io.Writer) (*results.Result, *report.Material, *store.Reader, error) {
	result, err := store.Open(path)
	if err != nil {
		return nil, nil, nil, err
	}
	files, err := store.OpenFiles(path)
	if err != nil {
		return nil, nil, nil, err
	}
	material, err := report.ReadMaterial(files.Open)
	if err != nil {
		fmt.Fprintf(stderr, "ipcprobe: left out: %v\n", err)
	}
	if result.Latency != nil && material != nil {
		result.Latency.Histogram = stats.Bars(material.Quoted()) // result.json has none
	}
	return result, material, files, nil
}

// profilesOf are the profiles that a run has, by the names of their files.
func profilesOf(m *report.Material) map[string]*profile.Profile {
	out := map[string]*profile.Profile{}
	for name, p := range map[string]*profile.Profile{"cpu": m.CPU, "offcpu": m.OffCPU, "syscalls": m.Syscalls, "heap": m.Heap} {
		if p != nil {
			out[name] = p
		}
	}
	return out
}
