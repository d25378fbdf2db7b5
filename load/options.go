// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// Limits of what a user may ask for.
const (
	MaxConnections = 20_000
	MaxPipeline    = 1024
	MaxThreads     = 64
	MaxRate        = 10_000_000 // requests per second
	MaxSocketPath  = 107        // bytes of a Unix socket's path: sockaddr_un less its final zero
	MaxTimeout     = 2 * time.Minute
	MaxSpin        = 10 * time.Millisecond
)

// Options is the load that a user asks for. Defaults gives a load that works;
// Check says what is wrong with any other.
type Options struct {
	Socket      string        // path of the server's socket; a leading @ names an abstract one
	Connections int           // connections held open
	Pipeline    int           // requests in flight per connection; 0: 1 in a closed loop, as many as fit in an open one
	Batch       bool          // closed loop: a connection's next Pipeline requests are sent when all before are answered
	Rate        string        // "max", "5000", "1000..20000/60s" or "1000,2000,5000@10s"; requests per second
	Arrivals    string        // "poisson" or "constant"; means nothing at rate max
	Think       time.Duration // closed loop: pause between an answer and the next request
	Duration    time.Duration // length of the measured part
	Requests    int64         // end after this many requests of the measured part; 0: Duration decides
	Warmup      time.Duration // load before the measured part; not counted
	Payload     string        // a size ("64", "1KiB"), "@FILE", "@FOLDER/", the body itself as JSON, or a template of it
	Mix         string        // kinds of requests with their shares, instead of Payload: "80% 0x01 256B, 20% ping"
	Type        uint8         // message type, where the protocol has one
	Protocol    string        // name of a codec of gateway/wire
	Timeout     time.Duration // longest wait for an answer
	Seed        uint64        // of the arrivals
	Threads     int           // threads that send and receive
	Spin        time.Duration // open loop: busy wait before a request is due; where sleeps end late, up to 1 ms more
	NoReconnect bool          // leave a connection that died closed
	MaxErrors   float64       // percent of requests that may fail before the run is invalid
}

// Defaults is the load that is made when the user asks for nothing special.
func Defaults() Options {
	return Options{
		Connections: 4,
		Rate:        "max",
		Arrivals:    ArrivalsPoisson,
		Duration:    10 * time.Second,
		Warmup:      time.Second,
		Payload:     "64",
		Type:        wire.TaskSubmit,
		Protocol:    "ipc",
		Timeout:     5 * time.Second,
		Seed:        1,
		Threads:     1,
		Spin:        50 * time.Microsecond,
		MaxErrors:   1,
	}
}

// Check returns the first thing that is wrong with o, worded for its user, or
// nil. It reads no file and opens no socket; an empty Socket is left to the
// caller, who may still have to find it.
func (o *Options) Check() error {
	switch {
	case strings.IndexByte(o.Socket, 0) >= 0:
		return fmt.Errorf("--socket: the path holds a zero byte")
	case len(o.Socket) > MaxSocketPath:
		return fmt.Errorf("--socket: the path has %d bytes, a Unix socket's has at most %d; use a shorter path or a link to it",
			len(o.Socket), MaxSocketPath)
	case o.Connections < 1 || o.Connections > MaxConnections:
		return fmt.Errorf("--connections is %d, but must be between 1 and %d", o.Connections, MaxConnections)
	case o.Pipeline < 0 || o.Pipeline > MaxPipeline:
		return fmt.Errorf("--pipeline is %d, but must be between 1 and %d", o.Pipeline, MaxPipeline)
	case o.Arrivals != ArrivalsPoisson && o.Arrivals != ArrivalsConstant:
		return fmt.Errorf("--arrivals is %q, but must be poisson or constant", o.Arrivals)
	case o.Think < 0:
		return fmt.Errorf("--think is %v, but can't be negative", o.Think)
	case o.Duration <= 0:
		return fmt.Errorf("--duration is %v, but must be above 0", o.Duration)
	case o.Requests < 0:
		return fmt.Errorf("--requests is %d, but can't be negative", o.Requests)
	case o.Warmup < 0:
		return fmt.Errorf("--warmup is %v, but can't be negative", o.Warmup)
	case o.Timeout < time.Millisecond || o.Timeout > MaxTimeout:
		return fmt.Errorf("--timeout is %v, but must be between 1ms and %v", o.Timeout, MaxTimeout)
	case o.Threads < 1 || o.Threads > MaxThreads:
		return fmt.Errorf("--threads is %d, but must be between 1 and %d", o.Threads, MaxThreads)
	case o.Threads > o.Connections:
		return fmt.Errorf("--threads is %d, but there are only %d connections to share among them", o.Threads, o.Connections)
	case o.Spin < 0 || o.Spin > MaxSpin:
		return fmt.Errorf("--spin is %v, but must be between 0 and %v", o.Spin, MaxSpin)
	case !(o.MaxErrors >= 0 && o.MaxErrors <= 100):
		return fmt.Errorf("--max-errors is %v, but must be between 0 and 100 percent", o.MaxErrors)
	}
	rate, err := ParseRate(o.Rate)
	if err != nil {
		return fmt.Errorf("--rate: %w", err)
	}
	switch {
	case !rate.Closed() && o.Think > 0:
		return fmt.Errorf("--think means nothing at a set rate: leave it out, or say --rate max")
	case o.Batch && !rate.Closed():
		return fmt.Errorf("--batch means nothing at a set rate: leave it out, or say --rate max")
	case o.Batch && o.Pipeline < 2:
		return fmt.Errorf("--batch needs the length of a batch: say --pipeline N, from 2 on")
	case o.Batch && o.Think > 0:
		return fmt.Errorf("--batch and --think exclude each other: a think time begins with each answer, a batch with the last")
	}
	codec, err := wire.Parse(o.Protocol)
	if err != nil {
		return fmt.Errorf("--protocol: %w", err)
	}
	return o.checkKinds(codec)
}

// depth is the number of requests that may be in flight on one connection.
// A closed loop holds exactly so many in flight; an open loop is only to be
// stopped by it when the server is far behind, so it is large there.
func (o *Options) depth(rate Rate) int {
	switch {
	case o.Pipeline > 0:
		return o.Pipeline
	case rate.Closed():
		return 1
	}
	const most = 1 << 18 // over all connections: 8 MiB of records in flight
	return min(MaxPipeline, max(16, most/o.Connections))
}
