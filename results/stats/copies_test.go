// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// path makes a stack, leaf first: "k:" marks kernel functions, "c:" those of the
// C library, the others are the program's.
func path(samples int64, names ...string) results.Stack {
	s := results.Stack{Samples: samples, Complete: true}
	for _, name := range names {
		f := results.Frame{Function: name, Object: "gateway"}
		switch name[:2] {
		case "k:":
			f = results.Frame{Function: name[2:], Object: "[kernel]", Kernel: true}
		case "c:":
			f = results.Frame{Function: name[2:], Object: "libc.so.6"}
		}
		s.Frames = append(s.Frames, f)
	}
	return s
}

const top = "k:entry_SYSCALL_64_after_hwframe"

func TestSamplesAreToldApart(t *testing.T) {
	inlined := path(1, "decode", "main")
	inlined.Frames[0].Copies = true
	syscall := path(1, "io", "main")
	syscall.Frames[0].Returned = true
	ours := path(1, "k:bpf_prog_1_sys_enter", top, "c:send", "main")
	ours.Own = true
	for name, c := range map[string]struct {
		stack results.Stack
		want  cost
	}{
		"kernel copies out":       {path(1, "k:_copy_to_iter", "k:simple_copy_to_iter", "k:unix_stream_recvmsg", "k:do_syscall_64", top, "c:recv", "main"), costKernelCopy},
		"kernel copies in":        {path(1, "k:rep_movs_alternative", "k:_copy_from_iter", "k:unix_stream_sendmsg", "k:do_syscall_64", top, "c:send"), costKernelCopy},
		"a fault in a copy":       {path(1, "k:clear_page_erms", "k:asm_exc_page_fault", "k:_copy_to_iter", "k:unix_stream_recvmsg", "k:do_syscall_64", top, "c:recv"), costKernelCopy},
		"a copy that is no I/O":   {path(1, "k:_copy_from_user", "k:do_sys_poll", "k:do_syscall_64", top, "c:poll"), costCall},
		"memcpy of the C library": {path(1, "c:__memmove_avx_unaligned_erms", "decode", "main"), costUserCopy},
		"a fault under memcpy":    {path(1, "k:clear_page_erms", "k:exc_page_fault", "k:asm_exc_page_fault", "c:__memcpy_avx512_unaligned_erms", "main"), costUserCopy},
		"rep movs":                {inlined, costUserCopy},
		"memset is no copy":       {path(1, "c:__memset_avx2_erms", "main"), costOther},
		"pages of a message":      {path(1, "k:get_page_from_freelist", "k:alloc_skb_with_frags", "k:unix_stream_sendmsg", "k:do_syscall_64", top, "c:send"), costBuffer},
		"a slab is the call's":    {path(1, "k:kmem_cache_alloc_node", "k:__alloc_skb", "k:unix_stream_sendmsg", "k:do_syscall_64", top, "c:send"), costCall},
		"a fault elsewhere":       {path(1, "k:clear_page_erms", "k:asm_exc_page_fault", "work", "main"), costBuffer},
		"malloc":                  {path(1, "c:_int_malloc", "c:malloc", "json_parse"), costAllocation},
		"operator new":            {path(1, "operator new", "main"), costAllocation},
		"a parser":                {path(1, "lex_scan_string", "json_parse", "main"), costParsing},
		"below a parser":          {path(1, "strtod", "parse_number", "main"), costParsing},
		"into the kernel":         {path(1, "k:do_syscall_64", top, "c:send"), costEntry},
		"out of the kernel":       {path(1, "c:__send", "main"), costEntry},
		"out, in a static server": {syscall, costEntry},
		"a function named read":   {path(1, "read", "main"), costOther},
		"waking":                  {path(1, "k:_raw_spin_unlock_irqrestore", "k:try_to_wake_up", "k:sock_def_readable", "k:unix_stream_sendmsg", "k:do_syscall_64", top, "c:send"), costWakeUp},
		"going to sleep":          {path(1, "k:finish_task_switch.isra.0", "k:__schedule", "k:schedule", "k:do_sys_poll", "k:do_syscall_64", top, "c:poll"), costWakeUp},
		"work in a call":          {path(1, "k:mutex_lock", "k:unix_stream_read_generic", "k:do_syscall_64", top, "c:recv"), costCall},
		"an interrupt":            {path(1, "k:handle_softirqs", "k:asm_sysvec_apic_timer_interrupt", "work", "main"), costOther},
		"an interrupt in a copy":  {path(1, "k:handle_softirqs", "k:asm_sysvec_apic_timer_interrupt", "c:memcpy", "main"), costUserCopy},
		"our probe":               {ours, costOurs},
		"the way to our probe":    {path(1, "k:bpf_trace_run2", "k:syscall_trace_enter", "k:do_syscall_64", top, "c:send"), costOurs},
		"no frame at all":         {results.Stack{Samples: 1}, costOther},
		"nothing of the program":  {path(1, "k:irqentry_exit"), costOther},
	} {
		if got, _ := spentOn(&c.stack); got != c.want {
			t.Errorf("%s: cost %d, want %d", name, got, c.want)
		}
	}
}

func TestBoundsOfOppositeServers(t *testing.T) {
	copying := []results.Stack{
		path(800, "k:_copy_to_iter", "k:unix_stream_recvmsg", "k:do_syscall_64", top, "c:recv"),
		path(100, "c:memcpy", "main"), path(100, "k:mutex_lock", "k:unix_stream_read_generic", "k:do_syscall_64", top, "c:recv"),
	}
	c := Copies(copying, Spent{Requests: 10, Calls: []results.CallTable{{Name: "recvfrom", Calls: 30, Bytes: 3000, Moves: true}, {Name: "poll", Calls: 10, Bytes: 10}}})
	if c.Advice != results.AdviseCopies || c.Samples != 1000 || *c.BytesPerRequest != 300 || c.CallsPerRequest != 4 {
		t.Errorf("a server that copies: %+v", c)
	}
	// 90 % of the time gone is ten times the requests, and the interval lies around it.
	if i := *c.ZeroCopyInterval; i[0] > 900 || i[1] < 900 || c.ZeroCopyHeadroomPct <= i[1] {
		t.Errorf("bound %v of %v, want about 900 and above", c.ZeroCopyHeadroomPct, i)
	}
	if share := c.KernelCopyPct + c.UserCopyPct + c.BufferPct + c.AllocationPct + c.ParsingPct +
		c.SyscallEntryPct + c.WakeUpPct + c.CallWorkPct + c.OtherPct; math.Abs(share-100) > 1e-9 {
		t.Errorf("shares add up to %v", share)
	}
	calling := []results.Stack{
		path(700, "k:mutex_lock", "k:unix_stream_read_generic", "k:do_syscall_64", top, "c:recv"),
		path(200, "c:recv", "main"), path(50, "work", "main"), path(50, "k:_copy_to_iter", "k:unix_stream_recvmsg", "k:do_syscall_64", top, "c:recv"),
	}
	c = Copies(calling, Spent{})
	if c.Advice != results.AdviseCalls || c.BytesPerRequest != nil || c.BatchingHeadroomPct < 900 || c.ZeroCopyHeadroomPct > 10 {
		t.Errorf("a server that calls: %+v", c)
	}
	for i := 1; i < len(c.Batching); i++ {
		if c.Batching[i].HeadroomPct <= c.Batching[i-1].HeadroomPct || c.Batching[i].HeadroomPct >= c.BatchingHeadroomPct {
			t.Errorf("batches %v, all of it %v", c.Batching, c.BatchingHeadroomPct)
		}
	}
}

func TestBoundsOfLittle(t *testing.T) {
	if c := Copies(nil, Spent{Requests: 10}); c != nil {
		t.Errorf("without a sample: %+v", c)
	}
	ours := path(5, "k:bpf_trace_run2", top)
	if c := Copies([]results.Stack{ours}, Spent{Requests: 10}); c != nil {
		t.Errorf("with our own samples only: %+v", c)
	}
	c := Copies([]results.Stack{path(1, "c:memcpy", "main")}, Spent{Requests: 10})
	if c.Advice != results.AdviseBoth || math.IsInf(c.ZeroCopyHeadroomPct, 0) || c.BatchingHeadroomPct < 100 {
		t.Errorf("of one sample nothing is known, but %+v", c)
	}
	c = Copies([]results.Stack{path(1000, "work", "main")}, Spent{Requests: 10})
	if c.Advice != results.AdviseNeither || c.ZeroCopyHeadroomPct > 1.1 {
		t.Errorf("a server that works: %+v", c)
	}
}

func TestWhatGoesWithCopiesAndCalls(t *testing.T) {
	recv := func(size int64) Spent {
		return Spent{CPU: 1_000_000, Requests: 100, Calls: []results.CallTable{{Name: "recvfrom", Calls: 1000, Bytes: 1000 * size, Moves: true}}}
	}
	stacks := []results.Stack{
		path(300, "k:_copy_to_iter", "k:unix_stream_recvmsg", "k:do_syscall_64", top, "c:recv"),
		path(400, "k:skb_unlink", "k:unix_stream_recvmsg", "k:do_syscall_64", top, "c:recv"),
		path(300, "loop", "main"),
	}
	small, large := Copies(stacks, recv(8)), Copies(stacks, recv(1<<20))
	// Of 8 bytes nothing is for the bytes: the copy routine's time is the call's, and
	// so is a part of the loop's.
	if c := headroom(0.3); small.ZeroCopyInterval[0] > c || small.ZeroCopyInterval[1] < c || small.ZeroCopyInterval[1] > 1.3*c {
		t.Errorf("small messages, copies: %v, want about %v", small.ZeroCopyInterval, c)
	}
	if c := headroom(0.75); small.BatchingInterval[0] > c || small.BatchingInterval[1] < c {
		t.Errorf("small messages, calls: %v, want about %v", small.BatchingInterval, c)
	}
	// Of 1 MiB the call's work is for the bytes.
	if c := headroom(0.7); large.ZeroCopyInterval[0] > c || large.ZeroCopyInterval[1] < c {
		t.Errorf("large messages, copies: %v, want about %v", large.ZeroCopyInterval, c)
	}
	if small.Advice != results.AdviseCalls || large.Advice != results.AdviseCopies {
		t.Errorf("advice %q and %q", small.Advice, large.Advice)
	}
}

func TestWhatATargetCopiesItselfIsEstimated(t *testing.T) {
	spent := func(size int64) Spent {
		return Spent{CPU: 10_000_000, Requests: 100, Fastest: 50, Calls: []results.CallTable{{Name: "recvfrom", Calls: 100, Bytes: 100 * size, Moves: true}}}
	}
	receive := []string{"k:_copy_to_iter", "k:unix_stream_recvmsg", "k:do_syscall_64", top, "c:recv"}
	stacks := []results.Stack{path(200, receive...), path(400, "c:memcpy", "main"), path(400, "work", "main")}
	// Twice the kernel's time for its 1 MiB is 2 MiB, and 40 of 100 us at 50 bytes a ns are 2 MB and some more.
	c := Copies(stacks, spent(1<<20))
	if c.UserBytesPerRequest == nil || math.Abs(*c.UserBytesPerRequest-2<<20) > 1 {
		t.Fatalf("estimate %v, want 2 MiB", c.UserBytesPerRequest)
	}
	if i := *c.UserBytesInterval; i[0] > *c.UserBytesPerRequest || i[0] < 1<<20 || i[1] < 2_000_000 || i[1] > 2_300_000 {
		t.Errorf("interval %v", i)
	}
	for name, c := range map[string]*results.Copies{
		"small messages tell no speed":    Copies(stacks, spent(64)),
		"nor do few samples":              Copies([]results.Stack{path(20, receive...), path(40, "c:memcpy", "main"), path(40, "work", "main")}, spent(1<<20)),
		"none seen is not none there was": Copies([]results.Stack{path(200, receive...), path(400, "work", "main")}, spent(1<<20)),
	} {
		if c.UserBytesPerRequest != nil || c.UserBytesInterval == nil || c.UserBytesInterval[0] != 0 || c.UserBytesInterval[1] <= 0 {
			t.Errorf("%s: %v, %v", name, c.UserBytesPerRequest, c.UserBytesInterval)
		}
	}
	unknown := spent(1 << 20)
	unknown.Fastest = 0
	if c := Copies(stacks, unknown); c.UserBytesPerRequest != nil || c.UserBytesInterval != nil {
		t.Errorf("on a machine of unknown speed: %v, %v", c.UserBytesPerRequest, c.UserBytesInterval)
	}
}
