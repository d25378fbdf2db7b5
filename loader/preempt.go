// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// preemptible says whether a program on a raw tracepoint can be preempted on this
// kernel. It is tried: a program looks how deeply preemption is disabled around it,
// once as it is entered and once more when it has disabled it itself. The first must
// be 0, and the second differ: a kernel that is never preempted keeps no count. Where
// it can't be tried (before 6.10 there is nothing to disable it with, and nothing
// to fear either; and on x86 the variable must be among the kernel's symbols) the
// answer is no, and what is lost is counted.
func preemptible(types *btf.Spec) bool {
	found, err := tryPreemption(types)
	return err == nil && found
}

// errNothingToFear says that the kernel is from before 6.10.
var errNothingToFear = errors.New("such programs are not preempted on a kernel without bpf_preempt_disable")

// maybePreempted says whether the programs have to reckon with it, given what
// tryPreemption says. Where it could not be tried they do from 7.0 on: it was seen on
// no kernel before.
func maybePreempted(found bool, err error) bool {
	if errors.Is(err, errNothingToFear) {
		return false
	}
	return found || err != nil && kernelMajor() >= 7
}

// kernelMajor is the first number of the kernel's release; one that can't be read is
// taken for a new one.
func kernelMajor() int {
	var name unix.Utsname
	major := math.MaxInt
	if unix.Uname(&name) == nil {
		_, _ = fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.", &major) // as said
	}
	return major
}

// What the program finds, behind what it saw.
const (
	lookedOnce  = 1 << 16
	depthMask   = 0xff // PREEMPT_MASK of linux/preempt.h
	depthInside = 8    // shift of the second look
)

func tryPreemption(types *btf.Spec) (bool, error) {
	if types == nil {
		var err error
		if types, err = btf.LoadKernelSpec(); err != nil {
			return false, err
		}
	}
	disable, err := kernelFunction(types, "bpf_preempt_disable")
	if errors.Is(err, btf.ErrNotFound) {
		return false, errNothingToFear
	}
	if err != nil {
		return false, err
	}
	look, err := readPreemptCount(types)
	if err != nil {
		return false, err
	}
	enable, err := kernelFunction(types, "bpf_preempt_enable")
	if err != nil {
		return false, err
	}
	saw, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return false, err
	}
	defer saw.Close()
	program := append(asm.Instructions{}, look...)
	program = append(program, asm.Mov.Reg(asm.R6, asm.R0), disable)
	program = append(program, look...)
	program = append(program, asm.Mov.Reg(asm.R7, asm.R0), enable,
		asm.And.Imm(asm.R6, depthMask), asm.And.Imm(asm.R7, depthMask),
		asm.LSh.Imm(asm.R7, depthInside), asm.Or.Reg(asm.R6, asm.R7), asm.Or.Imm(asm.R6, lookedOnce),
		asm.StoreMem(asm.RFP, -8, asm.R6, asm.DWord),
		asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, saw.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -16),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -8),
		asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(),
		asm.Mov.Imm(asm.R0, 0), asm.Return())
	loaded, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Name: "preemptible", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp,
		AttachTo: "sock_send_length", Instructions: program, License: "Dual BSD/GPL",
	}, ebpf.ProgramOptions{KernelTypes: types})
	if err != nil {
		return false, err
	}
	defer loaded.Close()
	hook, err := link.AttachTracing(link.TracingOptions{Program: loaded})
	if err != nil {
		return false, err
	}
	err = errors.Join(sendOnce(), hook.Close())
	var found uint32
	if err := errors.Join(err, saw.Lookup(uint32(0), &found)); err != nil {
		return false, err
	}
	if found&lookedOnce == 0 {
		return false, errors.New("the tracepoint was not passed")
	}
	outside, inside := found&depthMask, found>>depthInside&depthMask
	return outside == 0 && inside != 0, nil
}

// sendOnce passes the tracepoint of a send.
func sendOnce() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(pair[0], []byte{0})
	return errors.Join(err, unix.Close(pair[0]), unix.Close(pair[1]))
}

// readPreemptCount puts into R0 how deeply preemption is disabled: a variable of
// the CPU on x86 (since 6.15 under this name again), a field of the task on arm64.
func readPreemptCount(types *btf.Spec) (asm.Instructions, error) {
	var variable *btf.Var
	err := types.TypeByName("__preempt_count", &variable)
	if err == nil {
		id, err := types.TypeID(variable)
		if err != nil {
			return nil, err
		}
		return asm.Instructions{
			{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R1, Src: pseudoType, Constant: int64(id)},
			asm.FnThisCpuPtr.Call(),
			asm.LoadMem(asm.R0, asm.R0, 0, asm.Word),
		}, nil
	}
	offset, found := countInTask(types)
	if !found {
		return nil, err
	}
	return asm.Instructions{
		asm.FnGetCurrentTaskBtf.Call(),
		asm.LoadMem(asm.R0, asm.R0, int16(offset), asm.Word),
	}, nil
}

// pseudoType marks a constant as the number of a variable in the kernel's types
// (BPF_PSEUDO_BTF_ID).
const pseudoType = asm.Register(3)

// countInTask is where task_struct.thread_info.preempt.count lies, in bytes.
func countInTask(types *btf.Spec) (uint32, bool) {
	var within *btf.Struct
	if types.TypeByName("task_struct", &within) != nil {
		return 0, false
	}
	members, offset := within.Members, btf.Bits(0)
	for _, name := range [...]string{"thread_info", "preempt", "count"} {
		member, found := memberNamed(members, name)
		if !found {
			return 0, false
		}
		offset += member.Offset
		switch inner := btf.UnderlyingType(member.Type).(type) {
		case *btf.Struct:
			members = inner.Members
		case *btf.Union:
			members = inner.Members
		default:
			members = nil
		}
	}
	return offset.Bytes(), offset.Bytes() < 1<<15
}

// memberNamed looks for a member, also in those without a name.
func memberNamed(members []btf.Member, name string) (btf.Member, bool) {
	for _, member := range members {
		if member.Name == name {
			return member, true
		}
		var inner []btf.Member
		switch nameless := btf.UnderlyingType(member.Type).(type) {
		case *btf.Struct:
			inner = nameless.Members
		case *btf.Union:
			inner = nameless.Members
		}
		if member.Name != "" {
			continue
		}
		if found, ok := memberNamed(inner, name); ok {
			found.Offset += member.Offset
			return found, true
		}
	}
	return btf.Member{}, false
}

// kernelFunction is a call of one of the kernel's own functions.
func kernelFunction(types *btf.Spec, name string) (asm.Instruction, error) {
	var function *btf.Func
	if err := types.TypeByName(name, &function); err != nil {
		return asm.Instruction{}, fmt.Errorf("%s: %w", name, err)
	}
	id, err := types.TypeID(function)
	return asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(id)}, err
}
