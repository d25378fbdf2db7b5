// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// Exit codes of our own; any other is the gateway's.
const (
	exitLost  = 1 // a published request never reached the worker
	exitUsage = 2 // bad flags, or something could not start
)

// pathMax is the longest path in bytes that a Unix socket can have.
const pathMax = 107

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	os.Exit(run(os.Args[1:], signals, os.Stdout, os.Stderr))
}

type options struct {
	socket string
	build  string
	noNATS bool
	delay  time.Duration // before the worker answers a task
}

// readOptions returns pflag.ErrHelp when only the usage was asked for, which is
// then printed on stdout.
func readOptions(args []string, stdout io.Writer) (options, error) {
	var o options
	builds := []string{"v1", "v2"}
	flags := pflag.NewFlagSet("ipcgateway", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.socket, "socket", "", "the Unix `PATH` to listen on")
	flags.StringVar(&o.build, "build", "v1", "the gateway to run: "+strings.Join(builds, ", "))
	flags.BoolVar(&o.noNATS, "no-nats", false, "the gateway answers tasks by itself, without NATS")
	flags.DurationVar(&o.delay, "nats-delay", 0, "how long the worker behind NATS takes to answer a task")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(stdout, "usage: ipcgateway --socket PATH [--build v1|v2] [--no-nats] [--nats-delay D]\n%s", flags.FlagUsages())
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w; see ipcgateway --help", err)
	case flags.NArg() > 0:
		return o, fmt.Errorf("argument %q: there are none beside the flags; see ipcgateway --help", flags.Arg(0))
	case o.delay < 0 || o.delay > time.Minute:
		return o, fmt.Errorf("--nats-delay is %v, but must be between 0 and 1m", o.delay)
	case o.socket == "":
		return o, errors.New("--socket PATH is missing: say where the gateway is to listen")
	case len(o.socket) > pathMax:
		return o, fmt.Errorf("--socket: the path has %d bytes and a Unix socket takes at most %d: choose a shorter one",
			len(o.socket), pathMax)
	case !slices.Contains(builds, o.build):
		return o, fmt.Errorf("--build %q is not known: there is %s", o.build, strings.Join(builds, ", "))
	}
	return o, nil
}

// run does everything and returns the exit code.
func run(args []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	o, err := readOptions(args, stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err == nil {
		var code int
		if code, err = serve(o, signals, stdout, stderr); err == nil {
			return code
		}
	}
	fmt.Fprintf(stderr, "ipcgateway: %v\n", err)
	return exitUsage
}

// serve returns the exit code once everything has ended; an error says what
// could not start.
func serve(o options, signals <-chan os.Signal, stdout, stderr io.Writer) (int, error) {
	// The gateway is killed with the thread that started it: keep that thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	gatewayArgs, url := []string{"--socket", o.socket, "--no-nats"}, "none"
	var up *upstream
	if !o.noNATS {
		var err error
		if up, err = openUpstream(o.delay); err != nil {
			return 0, err
		}
		defer up.close()
		url = up.url()
		gatewayArgs = []string{"--socket", o.socket, "--nats", url}
	}
	g, err := startGateway(o.build, gatewayArgs, stderr)
	if err != nil {
		return 0, err
	}
	stop := forward(signals, g.cmd.Process, up, stderr)
	defer stop()

	if _, ok := g.line("ready"); !ok {
		return g.wait(), nil // it has said why on standard error
	}
	fmt.Fprintf(stdout, "ready pid=%d socket=%s nats=%s\n", g.cmd.Process.Pid, o.socket, url)
	fmt.Fprintf(stderr, "ipcgateway: gateway %s (pid %d) listens on %s, NATS: %s\n",
		o.build, g.cmd.Process.Pid, o.socket, url)

	published, told := g.line("done published=")
	code := g.wait()
	stop()
	if up == nil {
		return code, nil
	}
	return up.account(published, told, code, stdout, stderr), nil
}

// forward passes signals on to the gateway until stop is called, which may be done
// again. SIGUSR1 is not passed on: it takes NATS away, and the next one brings it
// back, for whoever wants to see what an outage does.
func forward(signals <-chan os.Signal, to *os.Process, up *upstream, stderr io.Writer) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGUSR1 {
					if up != nil {
						if err := up.toggle(); err != nil {
							fmt.Fprintf(stderr, "ipcgateway: bring NATS back: %v\n", err)
						}
					}
					continue
				}
				_ = to.Signal(s) // an error: it has ended already
			case <-quit:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(quit); <-done })
}

// account prints the last line and returns the exit code, given the gateway's
// own and what it said it had published.
func (u *upstream) account(published string, told bool, code int, stdout, stderr io.Writer) int {
	received, answered := u.received.Load(), u.answered.Load()
	if !told {
		published = "unknown"
	}
	fmt.Fprintf(stdout, "done published=%s received=%d answered=%d\n", published, received, answered)
	fmt.Fprintf(stderr, "ipcgateway: the gateway published %s, NATS delivered %d, the worker answered %d\n",
		published, received, answered)
	if n, err := strconv.ParseUint(published, 10, 64); err == nil && n != received && code == 0 {
		fmt.Fprintln(stderr, "ipcgateway: not everything that was published was delivered")
		return exitLost
	}
	return code
}
