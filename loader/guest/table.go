// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/ipcprobe/ipcprobe/results"
)

// table prints what each kernel gave: one line for each result, from lines of a
// name, a kernel's version, the rung that is due and the path of a result.json. It fails when a run was
// not made or lost something; that one was late is a guest's doing.
func table(names io.Reader, out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "kernel\tversion\trung\tjoined\tmatched\tlegs known\tsamples\tcomplete")
	var errs []error
	for {
		var name, version, rung, path string
		if _, err := fmt.Fscanln(names, &name, &version, &rung, &path); err != nil {
			if !errors.Is(err, io.EOF) {
				errs = append(errs, err)
			}
			break
		}
		r, err := read(path)
		if err == nil {
			fmt.Fprintf(t, "%s\t%s\t%s\n", name, version, strings.Join(row(r), "\t"))
			err = errors.Join(wrong(r, rung), locked(r, name))
		} else {
			fmt.Fprintf(t, "%s\t%s\t%s\tno result\n", name, version, rung)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("kernel %s, rung %s: %w", name, rung, err))
		}
	}
	return errors.Join(append(errs, t.Flush())...)
}

func read(path string) (*results.Result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &results.Result{}
	return r, json.Unmarshal(text, r)
}

func row(r *results.Result) []string {
	joined, matched := "–", "–"
	if r.Join != nil {
		joined, matched = fmt.Sprint(r.Join.Requests), fmt.Sprintf("%.2f %%", r.Join.MatchedPct)
	}
	samples, complete := "–", "–"
	if r.CPU != nil && r.CPU.Samples > 0 {
		samples, complete = fmt.Sprint(r.CPU.Samples), fmt.Sprintf("%.0f %%", r.CPU.CompleteStacksPct)
	}
	return []string{r.Run.Rung, joined, matched, legs(r.Legs), samples, complete}
}

// legs names the legs that are known.
func legs(l *results.Legs) string {
	if l == nil {
		return "none"
	}
	var known []string
	for _, leg := range []struct {
		name string
		of   *results.Distribution
	}{
		{"send call", l.SendCall}, {"queue wait", l.QueueWait}, {"until taken", l.UntilTaken},
		{"service time", l.ServiceTime}, {"reply delivery", l.ReplyDelivery},
	} {
		if leg.of != nil {
			known = append(known, leg.name)
		}
	}
	return strings.Join(known, ", ")
}

// locked says whether a kernel was not locked down as its name demands: the name
// of a kernel is followed by what was added to its command line.
func locked(r *results.Result, name string) error {
	_, mode, asked := strings.Cut(name, ",lockdown=")
	if asked && r.Environment.Lockdown != mode {
		return fmt.Errorf("lockdown is %q, and %s was due", r.Environment.Lockdown, mode)
	}
	return nil
}

// wrong says what a result must not be, on whatever kernel.
func wrong(r *results.Result, rung string) error {
	switch {
	case r.Run.Rung != rung:
		return fmt.Errorf("it hung on %q, and %s was due", r.Run.Rung, rung)
	case r.Join == nil || r.Join.Requests == 0:
		return errors.New("no request was joined")
	case r.Join.MatchedPct < 99:
		return fmt.Errorf("%.2f %% matched: %v", r.Join.MatchedPct, r.Join.Unmatched)
	case r.Join.Identity != r.Join.Matched && r.Join.Residual != nil && r.Join.Residual.P50 != nil && *r.Join.Residual.P50 > 0:
		return fmt.Errorf("the legs of only %d of %d requests add up", r.Join.Identity, r.Join.Matched)
	case r.Loss == nil || !r.Loss.Reconciled || r.Loss.Lost > 0:
		return fmt.Errorf("the probes' accounts: %+v", r.Loss)
	}
	return nil
}
