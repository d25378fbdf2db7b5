// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"fmt"
	"os"
	"strconv"
)

// Work is what a process has done since it started, as far as /proc counts it.
type Work struct {
	// Switches are the context switches of the threads that it has now, voluntary
	// or not: those of ended threads are forgotten by the kernel.
	Switches int64
	// Faults are the page faults of all its threads, minor and major, ended ones
	// included.
	Faults int64
}

// ReadWork reads the counts. The error is an *Error with reason Ended once the
// process is gone.
func ReadWork(t *Target) (Work, error) {
	var w Work
	tried := fmt.Sprintf("count the context switches of process %d", t.PID)
	line, err := os.ReadFile(procPath(t.PID, "stat"))
	if err != nil {
		return w, processError(tried, t.PID, err)
	}
	if w.Faults, err = faultsOf(line); err != nil {
		return w, fmt.Errorf("%s: %w", tried, err)
	}
	threads, err := os.ReadDir(procPath(t.PID, "task"))
	if err != nil {
		return w, processError(tried, t.PID, err)
	}
	for _, thread := range threads {
		if _, err := strconv.Atoi(thread.Name()); err != nil {
			continue
		}
		text, err := os.ReadFile(procPath(t.PID, "task/"+thread.Name()+"/status"))
		if err != nil {
			continue // it has ended since
		}
		for _, key := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
			if n, ok := numberOf(text, key, 0); ok {
				w.Switches += int64(n)
			}
		}
	}
	return w, nil
}

// faultsOf reads minor and major faults, fields 10 and 12 of /proc/PID/stat.
func faultsOf(line []byte) (int64, error) {
	if _, err := parseStat(line); err != nil {
		return 0, err
	}
	end := len(line) - 1
	for end >= 0 && line[end] != ')' {
		end--
	}
	rest, sum := line[end+1:], uint64(0)
	for field := 3; field <= 12; field++ {
		var word []byte
		word, rest = nextWord(rest)
		if field == 10 || field == 12 {
			n, ok := decimal(word)
			if !ok {
				return 0, errStatText
			}
			sum += n
		}
	}
	return int64(sum), nil
}
