// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
)

// kernelThreadFlag is PF_KTHREAD of include/linux/sched.h.
const kernelThreadFlag = 0x00200000

// processStat is what we use of /proc/PID/stat (proc_pid_stat(5)). Times are in
// clock ticks (USER_HZ).
type processStat struct {
	Comm      string // as the kernel has it: any bytes, 15 at most
	State     byte
	Parent    int
	Group     int
	Session   int
	Flags     uint64
	UserTicks uint64 // this thread's, or the whole process's with its ended threads
	SysTicks  uint64
	Threads   int
	Start     uint64 // ticks since boot
	CPU       int    // on which it last ran
	ExitCode  int    // as wait(2) gives it; 0 when it lives or we may not know
}

var errStatText = errors.New("parse stat: not in the kernel's form")

// parseStat reads one line of /proc/PID/stat or /proc/PID/task/TID/stat. The
// name may hold spaces, parentheses and newlines; everything after its last
// closing parenthesis is numbers.
func parseStat(text []byte) (processStat, error) {
	var s processStat
	open := bytes.IndexByte(text, '(')
	end := bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return s, errStatText
	}
	s.Comm = string(text[open+1 : end])
	rest := text[end+1:]
	for field := 3; field <= 52; field++ {
		var word []byte
		word, rest = nextWord(rest)
		if len(word) == 0 {
			if field > 39 { // kernels before 3.5 have no exit code
				return s, nil
			}
			return s, errStatText
		}
		if field == 3 {
			s.State = word[0]
			continue
		}
		if !s.set(field, word) {
			return s, errStatText
		}
	}
	return s, nil
}

// cpuTicks is the part of parseStat that the clocks need, without allocating.
func cpuTicks(text []byte) (user, system uint64, err error) {
	rest := text[bytes.LastIndexByte(text, ')')+1:]
	for field := 3; field <= 15; field++ {
		var word []byte
		var ok = true
		word, rest = nextWord(rest)
		switch field {
		case 14:
			user, ok = decimal(word)
		case 15:
			system, ok = decimal(word)
		}
		if !ok {
			return 0, 0, errStatText
		}
	}
	return user, system, nil
}

// set stores field number `field` of the line, counted from 1 as the manual
// page does, and says whether the word was a number where we need one.
func (s *processStat) set(field int, word []byte) bool {
	var ok = true
	var v uint64
	switch field {
	case 4, 5, 6, 9, 14, 15, 20, 22, 39, 52:
		v, ok = decimal(word)
	}
	switch field {
	case 4:
		s.Parent = int(v)
	case 5:
		s.Group = int(v)
	case 6:
		s.Session = int(v)
	case 9:
		s.Flags = v
	case 14:
		s.UserTicks = v
	case 15:
		s.SysTicks = v
	case 20:
		s.Threads = int(v)
	case 22:
		s.Start = v
	case 39:
		s.CPU = int(v)
	case 52:
		s.ExitCode = int(v)
	}
	return ok
}

// nextWord cuts the first word off a line; words are separated by blanks.
func nextWord(line []byte) (word, rest []byte) {
	i := 0
	for i < len(line) && (line[i] == ' ' || line[i] == '\t' || line[i] == '\n') {
		i++
	}
	j := i
	for j < len(line) && line[j] != ' ' && line[j] != '\t' && line[j] != '\n' {
		j++
	}
	return line[i:j], line[j:]
}

// decimal reads an unsigned number without allocating. False when the word
// holds anything else, or a number beyond 63 bits.
func decimal(word []byte) (uint64, bool) {
	if len(word) == 0 || len(word) > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return v, v <= 1<<63-1
}
