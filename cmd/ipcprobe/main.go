// SPDX-License-Identifier: Apache-2.0

// Command ipcprobe says where the time of a request to a server on a Unix
// socket goes. It loads the server, watches the same requests in the kernel,
// joins the two views request by request, and reports.
//
// This package wires the rooms together and does nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version and commit are set by the linker.
var (
	version = "development"
	commit  = "unknown"
)

// Exit codes; those above 2 say what a measurement came to.
const (
	exitDone    = 0
	exitMissed  = 1 // a limit missed, or a regression
	exitUsage   = 2 // usage or tool error
	exitUnsure  = 3 // inconclusive
	exitInvalid = 4 // invalid measurement
	// A measurement cut short by a signal exits with signalBase plus its number.
	signalBase = 128
)

// exit is an error that only carries the program's exit code: everything there
// is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// interrupted says which signal ended the run.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted by " + signalName(i.signal) }

func signalName(s syscall.Signal) string {
	if s == syscall.SIGTERM {
		return "SIGTERM"
	}
	return "SIGINT"
}

func main() {
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command line and returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	if err := keepCapabilities(); err != nil {
		fmt.Fprintf(stderr, "ipcprobe: %v\n", err)
		return exitUsage
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	}
	var cut interrupted
	if errors.As(context.Cause(ctx), &cut) && errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "ipcprobe: %v before there was anything to report\n", cut)
		return signalBase + int(cut.signal)
	}
	fmt.Fprintf(stderr, "ipcprobe: %s\n", sayFewFiles(strings.TrimSpace(err.Error())))
	return exitUsage
}

// fewFiles is what the system says, wherever it is, when a process may open no more.
const fewFiles = "too many open files"

// sayFewFiles gives an error that has this cause the one remedy that there is,
// instead of what is to be done where the same step fails for another reason.
func sayFewFiles(text string) string {
	before, _, few := strings.Cut(text, fewFiles)
	if !few || strings.Contains(text, "ulimit") {
		return text
	}
	return before + fewFiles + "; let ipcprobe open more: ulimit -n 1024"
}

// withSignals ends the context on SIGINT, SIGTERM or SIGHUP; its cause names
// the signal. Later ones are taken and change nothing: a load that is cut off
// without taking its answers can kill the server.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				cancel(interrupted{s.(syscall.Signal)})
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// libraryWords are what Go's parsers add to an error and a user can't use.
var libraryWords = regexp.MustCompile(`strconv\.\w+: parsing "[^"]*": |time: `)

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "ipcprobe",
		Short:         "Where does the time of a request to a Unix-socket server go?",
		Version:       version + " (" + commit + ")",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		said := libraryWords.ReplaceAllString(err.Error(), "")
		return fmt.Errorf("%s; see `%s --help`", said, c.CommandPath())
	})
	root.AddCommand(
		newRun(stdout, stderr), newWatch(stdout, stderr), newSuite(stdout, stderr),
		newCompare(stdout, stderr), newGate(stdout, stderr),
		newLoad(stdout, stderr), newRuns(stdout), newReport(stdout, stderr), newView(stdout, stderr), newDoctor(stdout),
	)
	return root
}
