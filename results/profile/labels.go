// SPDX-License-Identifier: Apache-2.0

package profile

import "github.com/ipcprobe/ipcprobe/results"

// Labels tell a profile's samples apart. Empty ones are not written.
type Labels struct {
	Thread  uint32 // thread=ID, a number
	Slice   int    // slice=INDEX, a number, the first of those counted as one; below 0: none
	Call    string // syscall=NAME
	Request string // request=KIND, of a mix
	Band    Band   // band=above p99
}

// labelSets makes the labels of samples in the form of pprof. Samples with the same
// ones share them: of tens of thousands, sets of their own would take most of the memory.
type labelSets struct {
	ofText    map[textKey]map[string][]string
	ofNumbers map[numberKey]map[string][]int64
}

type textKey struct {
	call, request string
	band          Band
	cut, own      bool
}

type numberKey struct {
	thread uint32
	slice  int
}

func newLabelSets() *labelSets {
	return &labelSets{make(map[textKey]map[string][]string), make(map[numberKey]map[string][]int64)}
}

func (l *labelSets) text(s *results.Stack, own *Labels) map[string][]string {
	key := textKey{own.Call, own.Request, own.Band, !s.Complete, s.Own}
	if set := l.ofText[key]; set != nil {
		return set
	}
	set := make(map[string][]string)
	for name, value := range map[string]string{"syscall": key.call, "request": key.request, "band": key.band.String()} {
		if value != "" {
			set[name] = []string{clean(value)}
		}
	}
	if key.cut {
		set["stack"] = []string{"cut"}
	}
	if key.own {
		set["code"] = []string{"ipcprobe"}
	}
	l.ofText[key] = set
	return set
}

// numbers are the labels that `-tagfocus` takes a range of.
func (l *labelSets) numbers(own *Labels) map[string][]int64 {
	key := numberKey{own.Thread, own.Slice}
	if set := l.ofNumbers[key]; set != nil {
		return set
	}
	set := make(map[string][]int64)
	if key.thread != 0 {
		set["thread"] = []int64{int64(key.thread)}
	}
	if key.slice >= 0 {
		set["slice"] = []int64{int64(key.slice)}
	}
	l.ofNumbers[key] = set
	return set
}
