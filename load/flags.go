// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Flags defines the load flags on fs and returns the options they fill, with
// Defaults as their start. Values are only read here; Options.Check judges them.
func Flags(fs *pflag.FlagSet) *Options {
	o := Defaults()
	fs.StringVar(&o.Socket, "socket", o.Socket, "`PATH` of the server's Unix socket")
	whole(fs, &o.Connections, "connections", "`N` connections held open")
	fs.Var(&value[int]{&o.Pipeline, parsePipeline, formatPipeline},
		"pipeline", "`N` requests in flight per connection (default 1; at a set rate as many as needed)")
	fs.BoolVar(&o.Batch, "batch", o.Batch, "send all of --pipeline at once, and again when all is answered")
	fs.StringVar(&o.Rate, "rate", o.Rate, "requests per second: max, `R`, 1000..20000/60s or 1000,2000,5000@10s")
	fs.StringVar(&o.Arrivals, "arrivals", o.Arrivals, "poisson or constant")
	length(fs, &o.Think, "think", "pause of `D` between an answer and the next request, at rate max")
	length(fs, &o.Duration, "duration", "length `D` of the measured part")
	whole(fs, &o.Requests, "requests", "end after `N` requests")
	length(fs, &o.Warmup, "warmup", "load for `D` before the measured part")
	fs.StringVar(&o.Payload, "payload", o.Payload, "`SIZE`, @FILE, @FOLDER/ (its files in turn), the body itself as JSON,\n"+
		"or a template, with {{seq}}, {{time}}, {{time ms}}, {{int 1 100}}, {{string 16}}\n"+
		"or {{uuid}} in it; template:TEXT and template:@FILE for what isn't JSON")
	fs.StringVar(&o.Mix, "mix", o.Mix, "`KINDS` of requests with their shares, each a type and a payload:\n"+
		"'80% 0x01 256B, 15% 0x02 64B, 5% ping'")
	fs.Var(&value[uint8]{&o.Type, parseType, func(v uint8) string { return fmt.Sprintf("0x%02x", v) }},
		"type", "message `TYPE`")
	fs.StringVar(&o.Protocol, "protocol", o.Protocol, "`NAME` of the wire protocol")
	length(fs, &o.Timeout, "timeout", "longest wait `D` for an answer")
	fs.Var(&value[uint64]{&o.Seed, parseSeed, func(v uint64) string { return strconv.FormatUint(v, 10) }},
		"seed", "seed `N` of the arrivals")
	whole(fs, &o.Threads, "threads", "`N` threads that send and receive")
	length(fs, &o.Spin, "spin", "busy wait of `D` before a request is due, and up to 1ms more where sleeps end late")
	fs.BoolVar(&o.NoReconnect, "no-reconnect", o.NoReconnect, "leave a connection that died closed")
	fs.Var(&value[float64]{&o.MaxErrors, parsePercent, func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }},
		"max-errors", "`PERCENT` of requests that may fail before the run is invalid")
	return &o
}

// ControlFlag defines the hidden --control-fd: the descriptor on which a
// parent commands this process (see Serve); -1 when there is no parent.
func ControlFlag(fs *pflag.FlagSet) *int {
	fd := fs.Int("control-fd", -1, "descriptor of the parent's control socket")
	// The flag was defined on the line above, so MarkHidden can't fail.
	_ = fs.MarkHidden("control-fd")
	return fd
}

// args is the command line that makes a child's Flags equal to o.
func (o *Options) args() []string {
	a := []string{
		"--socket=" + o.Socket,
		"--connections=" + strconv.Itoa(o.Connections),
		"--rate=" + o.Rate,
		"--arrivals=" + o.Arrivals,
		"--think=" + o.Think.String(),
		"--duration=" + o.Duration.String(),
		"--requests=" + strconv.FormatInt(o.Requests, 10),
		"--warmup=" + o.Warmup.String(),
		"--payload=" + o.Payload,
		"--mix=" + o.Mix,
		"--type=" + strconv.Itoa(int(o.Type)),
		"--protocol=" + o.Protocol,
		"--timeout=" + o.Timeout.String(),
		"--seed=" + strconv.FormatUint(o.Seed, 10),
		"--threads=" + strconv.Itoa(o.Threads),
		"--spin=" + o.Spin.String(),
		"--max-errors=" + strconv.FormatFloat(o.MaxErrors, 'g', -1, 64),
	}
	if o.Pipeline > 0 {
		a = append(a, "--pipeline="+strconv.Itoa(o.Pipeline))
	}
	if o.Batch {
		a = append(a, "--batch")
	}
	if o.NoReconnect {
		a = append(a, "--no-reconnect")
	}
	return a
}

// value is a flag whose parser words its own errors.
type value[T any] struct {
	to     *T
	parse  func(string) (T, error)
	format func(T) string
}

// Set implements pflag.Value.
func (v *value[T]) Set(s string) error {
	t, err := v.parse(strings.TrimSpace(s))
	if err == nil {
		*v.to = t
	}
	return err
}

// String implements pflag.Value.
func (v *value[T]) String() string {
	if v.to == nil {
		return ""
	}
	return v.format(*v.to)
}

// Type implements pflag.Value.
func (v *value[T]) Type() string { return "value" }

func whole[T int | int64](fs *pflag.FlagSet, to *T, name, usage string) {
	parse := func(s string) (T, error) {
		n, err := strconv.ParseInt(s, 10, strconv.IntSize)
		if err != nil {
			return 0, errors.New("not a whole number")
		}
		return T(n), nil
	}
	fs.Var(&value[T]{to, parse, func(v T) string { return strconv.FormatInt(int64(v), 10) }}, name, usage)
}

func length(fs *pflag.FlagSet, to *time.Duration, name, usage string) {
	parse := func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, errors.New("not a length of time: say 30s, 500ms or 2m")
		}
		return d, nil
	}
	fs.Var(&value[time.Duration]{to, parse, time.Duration.String}, name, usage)
}

func parsePipeline(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxPipeline {
		return 0, fmt.Errorf("not a whole number from 1 to %d", MaxPipeline)
	}
	return n, nil
}

// formatPipeline shows nothing for the default, which depends on the loop.
func formatPipeline(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func parseType(s string) (uint8, error) {
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil {
		return 0, errors.New("not a message type: say a number from 0x00 to 0xff")
	}
	return uint8(n), nil
}

func parseSeed(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return 0, errors.New("not a whole number from 0 to 2^64-1")
	}
	return n, nil
}

func parsePercent(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil {
		return 0, errors.New("not a percentage: say 1 or 0.5")
	}
	return n, nil
}
