// SPDX-License-Identifier: Apache-2.0

package heap

import "golang.org/x/arch/x86/x86asm"

// stop picks where in a function a probe is put, as an offset into its code.
//
// A probe on most instructions makes the processor step over the original one in
// a second trap, which in a virtual machine costs 8 to 14 µs. A push, a jump, a
// conditional jump or a call are carried out by the kernel itself, for 0.4 µs
// (Linux 4.18). So the first of them is taken that is reached each time with
// the arguments still in their registers and the stack as it was; there, the
// return probe finds the return address too. Without one it is the first
// instruction, and cheap is false.
func stop(code []byte, args int) (offset int, cheap bool) {
	targets := jumpTargets(code)
	for at := 0; at < len(code); {
		if targets[at] {
			return 0, false // a loop comes by here: it would count twice
		}
		if n := endbr(code[at:]); n > 0 {
			at += n
			continue
		}
		inst, err := x86asm.Decode(code[at:], 64)
		if err != nil {
			return 0, false
		}
		switch {
		case emulated(code[at:at+inst.Len], inst):
			return at, true
		case !harmless(inst, args):
			return 0, false
		}
		at += inst.Len
	}
	return 0, false
}

// endbr is the length of endbr64, which does nothing here; the decoder knows it by
// other names.
func endbr(code []byte) int {
	if len(code) >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa {
		return 4
	}
	return 0
}

// jumpTargets are the offsets that jumps within the code lead to.
func jumpTargets(code []byte) map[int]bool {
	targets := make(map[int]bool)
	for at := 0; at < len(code); {
		inst, err := x86asm.Decode(code[at:], 64)
		if err != nil {
			at++ // data, or an instruction that the decoder lacks
			continue
		}
		at += inst.Len
		if rel, ok := inst.Args[0].(x86asm.Rel); ok {
			targets[at+int(rel)] = true
		}
	}
	return targets
}

// emulated says that the kernel carries the instruction out itself: what
// branch_setup_xol_ops and push_setup_xol_ops of arch/x86/kernel/uprobes.c take.
func emulated(code []byte, inst x86asm.Inst) bool {
	if inst.Len == 0 || len(code) == 0 {
		return false
	}
	switch op := code[0]; {
	case op >= 0x50 && op <= 0x57: // push
		return true
	case op == 0x41 && len(code) == 2 && code[1] >= 0x50 && code[1] <= 0x57: // push r8 to r15
		return true
	case op == 0xeb || op == 0xe9: // jmp
		return true
	case op >= 0x70 && op <= 0x7f: // jcc
		return true
	case op == 0x0f && len(code) > 1 && code[1] >= 0x80 && code[1] <= 0x8f: // jcc
		return true
	}
	return false
}

// argument registers, in order.
var arguments = [...]x86asm.Reg{x86asm.RDI, x86asm.RSI, x86asm.RDX}

// harmless says that an instruction goes on to the next and leaves the first
// args argument registers and the stack pointer alone.
func harmless(inst x86asm.Inst, args int) bool {
	switch inst.Op {
	case x86asm.CMP, x86asm.TEST, x86asm.NOP:
		return true
	case x86asm.MOV, x86asm.LEA, x86asm.XOR, x86asm.AND, x86asm.OR, x86asm.ADD, x86asm.SUB,
		x86asm.SHR, x86asm.SHL, x86asm.SAR, x86asm.MOVZX, x86asm.MOVSX, x86asm.MOVSXD, x86asm.NEG, x86asm.NOT,
		x86asm.INC, x86asm.DEC, x86asm.BT:
	default:
		return false
	}
	to, ok := inst.Args[0].(x86asm.Reg)
	if !ok {
		return true // to memory
	}
	to = wide(to)
	if to == x86asm.RSP {
		return false
	}
	for _, reg := range arguments[:min(args, len(arguments))] {
		if to == reg {
			return false
		}
	}
	return true
}

// wide is the 64-bit register that a register is a part of.
func wide(r x86asm.Reg) x86asm.Reg {
	switch {
	case r >= x86asm.AX && r <= x86asm.R15W:
		return x86asm.RAX + r - x86asm.AX
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return x86asm.RAX + r - x86asm.EAX
	case r >= x86asm.AL && r <= x86asm.BL:
		return x86asm.RAX + r - x86asm.AL
	case r >= x86asm.AH && r <= x86asm.BH:
		return x86asm.RAX + r - x86asm.AH
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return x86asm.RSP + r - x86asm.SPB
	}
	return r
}
