// SPDX-License-Identifier: Apache-2.0

package results

// ObservationKind names the moment of a message's way that the kernel saw.
type ObservationKind uint8

const (
	// Queued: bytes of the client's stand in the server's receive queue.
	// At is when the client's send made its last byte ready to be received.
	Queued ObservationKind = iota + 1
	// Taken: the server has read bytes. At is sys_exit: the recv returns; within
	// io_uring, sock_recv_length.
	Taken
	// Answered: the server has sent bytes. Begin is the entry of the send
	// call, At is sys_exit: the call ends; within io_uring, sock_send_length.
	Answered
	// Delivered: the client has read bytes for the first time since it slept.
	// At is sock_recv_length in the client. It carries no Position: it tells how
	// the client's thread came to run, for all that it reads until it sleeps
	// again.
	Delivered
)

// Observation is one event that the kernel saw on one connection. Positions
// are cumulative bytes since the probes first saw the socket: monotonic within
// (Cookie, Kind), offset from the client's own count by a constant that Sync
// settles. A lost observation leaves the later ones right, because each
// carries the cursor and not only its own bytes.
type Observation struct {
	Begin    int64  // entry of the system call; 0 when the probe has none
	At       int64  // the moment that Kind names
	Cookie   uint64 // the client socket's cookie: Connection.Cookie
	Position uint64 // cursor behind the last byte of this event
	Bytes    uint32 // bytes of this event
	Thread   uint32 // thread id of the caller
	Kind     ObservationKind
	Clocks   Clocks
	Sleep    Sleep // the thread's latest, in Taken, Answered and Delivered
	Work     Work  // the thread's latest, in Taken
}

// Clocks are sums that the kernel keeps for each thread of the target, ns since
// the probes first saw it. The difference of two readings says what the thread
// did between them; a Taken observation reads them at At, an Answered one at
// Begin, so the difference of the two splits a service time. Time on a CPU
// outside system calls is what remains of the whole.
type Clocks struct {
	Kernel   int64 // on a CPU inside system calls
	Blocked  int64 // off the CPU and not runnable
	Upstream int64 // of Blocked, for an answer on a connection that the target opened
	RunQueue int64 // off the CPU and runnable
}

// Sleep is a stretch that a thread spent off the CPU of its own accord; the zero
// value is one that was not seen.
type Sleep struct {
	Began int64 // it left the CPU (sched_switch)
	Woken int64 // it became runnable (sched_wakeup)
	Ran   int64 // it was on a CPU again (sched_switch)
	Idle  bool  // in a call that waits for clients, and it was not upstream that ended it
	// Upstream says that an answer from a connection that the target opened ended it.
	Upstream bool
}

// Work is what a thread of the target did last, before it took some bytes; times
// of 0 were not seen.
type Work struct {
	Took  int64 // it took the bytes before these, of any connection
	Done  int64 // it sent the latest answer (the send call ended)
	Delay int64 // run-queue delay between Took and now
}

// Joined is one request with both views of it. The five stamps are in the
// order of the request's way; the legs between them are methods.
type Joined struct {
	Request
	Queued   int64 // last byte stands in the server's queue; 0 when the probes can't see that
	Taken    int64 // the server's recv that takes the last byte returns
	Answered int64 // the server's send that carries the answer's last byte begins
	Service  ServiceSplit
	Queue    QueueSplit
	Delivery DeliverySplit
	TakenBy  uint32 // thread of the server that took its last byte
	SentBy   uint32 // thread of the server that sent its answer's
	Way      Way
}

// Way is what else is known of where the threads stood on a request's way, for a
// picture of it. Times of 0, and sleeps that are the zero value, were not seen. A
// sleep is the thread's latest at the time, and may lie before the request.
type Way struct {
	TakeBegan int64 // entry of the server's recv
	SendEnded int64 // return of the server's send
	Before    Sleep // of the server's thread, when it took the request
	Within    Sleep // of the server's thread, when it had sent the answer
	Client    Sleep // of the client's thread, when it read the answer
}

// ServiceSplit divides a service time by what the serving thread did in it. The
// five parts add up to the service time. Known is false where two threads shared
// the work, or the clocks were not seen: then all parts are 0.
type ServiceSplit struct {
	User     int64 // on a CPU, outside system calls
	Kernel   int64 // on a CPU, inside system calls
	Blocked  int64 // off the CPU, not runnable, upstream wait not counted
	Upstream int64 // blocked until an answer came from a connection that the server opened
	RunQueue int64 // off the CPU, runnable
	Known    bool
}

// QueueSplit divides a queue wait by what the thread that ended it had been
// doing. The three parts add up to the queue wait.
type QueueSplit struct {
	Busy     int64 // it was at other requests
	RunQueue int64 // it was runnable and did not run
	WakeUp   int64 // it was idle: from the bytes to its being runnable, and from its running to its recv's return
	Known    bool
}

// DeliverySplit divides a reply delivery. The four parts add up to it.
type DeliverySplit struct {
	Sending  int64 // the server's send call, until the last byte stood in the client's queue
	RunQueue int64 // the client was runnable and did not run
	WakeUp   int64 // the client was idle: as in QueueSplit
	Busy     int64 // the client was at other answers
	Known    bool
}

// QueueSeen says whether the probes saw the request being queued. Without, send
// call and queue wait are not known apart.
func (j *Joined) QueueSeen() bool { return j.Queued != 0 }

// UntilTaken is send call and queue wait together. Never below 0.
func (j *Joined) UntilTaken() int64 { return max(0, j.Taken-j.Sent) }

// SendCall is the part of the round trip before the request's last byte stood
// in the server's queue. Never below 0. It means nothing where QueueSeen is false.
func (j *Joined) SendCall() int64 { return max(0, j.Queued-j.Sent) }

// QueueWait is how long the whole request stood in the server's queue. The
// kernel makes bytes visible an instant before the stamp of it, so a server that
// polls can take them first: then it is 0.
// It means nothing where QueueSeen is false.
func (j *Joined) QueueWait() int64 { return max(0, j.Taken-j.Queued) }

// ServiceTime is from the return of the recv that took the request to the
// begin of the send that carries its answer's last byte. Never below 0.
func (j *Joined) ServiceTime() int64 { return max(0, j.Answered-j.Taken) }

// ReplyDelivery is from the begin of that send to the client's having read the
// answer's last byte. Never below 0.
func (j *Joined) ReplyDelivery() int64 { return max(0, j.Received-j.Answered) }

// Residual is what the identity
//
//	round trip = send call + queue wait + service time + reply delivery
//
// misses by, as an absolute value. It is 0 when the stamps are in order.
func (j *Joined) Residual() int64 {
	before := j.UntilTaken()
	if j.QueueSeen() {
		before = j.SendCall() + j.QueueWait()
	}
	r := j.RoundTrip() - (before + j.ServiceTime() + j.ReplyDelivery())
	return max(r, -r)
}

// Bucket counts durations in [Low, High) ns.
type Bucket struct {
	Low, High int64
	Count     int64
}

// CallTable is one system call of the target, summed over the slices that
// carried its probes, CPUs and threads.
type CallTable struct {
	Name     string
	Calls    int64
	TotalNs  int64         // from sys_enter to sys_exit, waiting included
	OffCPUNs int64         // of that, off the CPU
	IdleNs   int64         // of that, by threads that had no request in hand
	AsleepNs int64         // of that, by others, not runnable and not for an answer from upstream
	Waits    bool          // a server waits for its clients in this call, so AsleepNs is idle as well
	Bytes    int64         // sum of positive returns
	Moves    bool          // the call returns a number of bytes, so Bytes means something
	Errors   map[int]int64 // by errno
	Buckets  []Bucket      // durations, at most 1/16 of their lower bound wide
	Threads  []ThreadCalls // by thread
}

// ThreadCalls is what one thread of the target did of one call. Thread 0 stands for
// all threads that were too many to be told apart.
type ThreadCalls struct {
	Thread, Process uint32
	Name            string // as the kernel has it, at the thread's first call that was counted
	Calls           int64
	TotalNs         int64
	Failed          int64
}

// UpstreamSums is what went over connections that the target opened itself, summed
// over probed slices. A round trip is a receive before which something had been
// sent on the same connection.
type UpstreamSums struct {
	Sends, Receives   int64 // calls
	BytesOut, BytesIn int64
	RoundTrips        int64
}
