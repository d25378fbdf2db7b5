// SPDX-License-Identifier: Apache-2.0

package report

import (
	"path"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// verdictSection says the whole in three sentences: how fast, what a request's
// time is made of, what dominates. Of an invalid measurement it says that
// first, with the reasons, and no figure of speed.
func verdictSection(r *results.Result) section {
	s := section{title: "Verdict"}
	if !r.Valid {
		s.blocks = append(s.blocks, invalidity(r)...)
	} else {
		s.blocks = append(s.blocks, paragraph{text: verdict(r)})
		if r.Run.Partial {
			s.blocks = append(s.blocks, paragraph{text: broke(r, "The figures are of that time.")})
		}
	}
	if len(r.Limits) > 0 {
		s.blocks = append(s.blocks, limits(r)...)
	}
	s.blocks = append(s.blocks, subject(r))
	return s
}

// verdict is the three sentences of a valid measurement.
func verdict(r *results.Result) text {
	if r.Traffic != nil {
		return howFast(r).with(" ").and(trafficMadeOf(r))
	}
	t := howFast(r).with(" ").and(madeOf(r))
	if d := dominates(r); len(d) > 0 {
		t = t.with(" ").and(d)
	}
	return t
}

func invalidity(r *results.Result) []block {
	out := []block{paragraph{text: in(bad, "This measurement is INVALID.").
		with(" Don’t quote a figure of it.")}}
	list := make(items, 0, len(r.InvalidReasons))
	for _, reason := range r.InvalidReasons {
		list = append(list, in(bad, sentence(reason)))
	}
	if len(list) == 0 {
		list = append(list, in(bad, "No reason was recorded."))
	}
	out = append(out, list)
	if r.Run.Partial {
		then := "What was measured until then follows."
		if withheld(r) {
			then = "The figures are of that time."
		}
		out = append(out, paragraph{text: broke(r, then)})
	}
	if !withheld(r) {
		return out
	}
	return append(out, paragraph{text: say("Throughput and response times are withheld. " +
		"The rest was recorded all the same; read it with that in mind.")})
}

// broke says when and how a run ended early.
func broke(r *results.Result, then string) text {
	t := say("The run broke off after ").with(elapsed(r.Run.DurationNs))
	if how := cause(r); how != "" {
		t = t.with(": ").and(in(plain, how))
	}
	return t.with(". " + then)
}

func cause(r *results.Result) string {
	if r.Run.EndedBy != "" {
		return strings.TrimSuffix(r.Run.EndedBy, ".")
	}
	if r.Target.Ended != "" {
		return "the target ended (" + strings.TrimSuffix(r.Target.Ended, ".") + ")"
	}
	return ""
}

// sentence ends s with a full stop and begins it with a capital.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if c := s[0]; c >= 'a' && c <= 'z' && !strings.ContainsAny(firstWord(s), "./_=<>") {
		s = string(c-'a'+'A') + s[1:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// howFast is the first sentence.
func howFast(r *results.Result) text {
	t := speed(r)
	if t[0] == (span{"the target", plain}) {
		t[0].text = "The target"
	}
	return t
}

func speed(r *results.Result) text {
	l := r.Load
	switch {
	case r.Traffic != nil:
		return trafficSpeed(r)
	case l == nil:
		return subjectName(r).with(" was watched for ").with(elapsed(r.Run.DurationNs)).
			with(" under traffic that is not ours, so its speed was not measured.")
	case l.AchievedRPS == nil:
		return say("How fast ").and(subjectName(r)).with(" is was not measured.")
	}
	var t text
	rate := in(strong, unit(significant(*l.AchievedRPS), "requests/s"))
	if l.OfferedRPS == nil {
		t = subjectName(r).with(" answers ").and(rate).with(" on " + inFlight(l) + " (closed loop)")
	} else {
		offered := unit(significant(*l.OfferedRPS), "requests/s")
		if *l.AchievedRPS >= 0.99**l.OfferedRPS {
			t = subjectName(r).with(" keeps up with ").and(in(strong, offered))
		} else {
			t = subjectName(r).with(" falls behind: of ").with(offered).with(" offered it answers ").
				and(in(strong, significant(*l.AchievedRPS)))
		}
		t = t.with(" (open loop" + arrivals(l) + ", ")
		t = t.with(inFlight(l) + ")")
	}
	if r.Latency != nil && r.Latency.ResponseTime != nil {
		t = t.with("; ").and(answeredWithin(r.Latency.ResponseTime, l.OfferedRPS != nil))
	}
	if failed := failedShare(l.Requests); failed >= 0.1 {
		t = t.with("; ").and(in(warned, percent(failed)+" failed"))
	}
	return t.with(".")
}

// answeredWithin quotes the median and the highest percentile up to the 99th
// that the count supports.
func answeredWithin(d *results.Distribution, fromDue bool) text {
	if d.P50 == nil {
		return say(tooFewOf(d.Count) + " to quote a percentile")
	}
	t := say("half are back within ").and(in(strong, quantile(d.P50)))
	if fromDue {
		t = t.with(" of the moment they were due")
	}
	switch {
	case d.P99 != nil:
		t = t.with(", 99" + string(nbsp) + "% within ").and(in(strong, quantile(d.P99)))
	case d.P95 != nil:
		t = t.with(", 95" + string(nbsp) + "% within ").and(in(strong, quantile(d.P95)))
	case d.P90 != nil:
		t = t.with(", 90" + string(nbsp) + "% within ").and(in(strong, quantile(d.P90)))
	}
	return t
}

func failedShare(c results.Counts) float64 {
	ended := c.OK + c.Failed()
	if ended == 0 {
		return 0
	}
	return 100 * float64(c.Failed()) / float64(ended)
}

// inFlight words connections and pipelining.
func inFlight(l *results.Load) string {
	s := plural(int64(l.Connections), "connection")
	if l.Pipeline > 1 {
		s += " with " + count(int64(l.Pipeline)) + " in flight on each"
		if l.Batch {
			s += ", batch by batch"
		}
	}
	return s
}

func plural(n int64, noun string) string {
	if n == 1 {
		return unit("1", noun)
	}
	return unit(count(n), noun+"s")
}

// subjectName names the target in running text.
func subjectName(r *results.Result) text {
	base := path.Base(strings.TrimSuffix(r.Target.Executable, " (deleted)"))
	if base == "." || base == "/" {
		return say("the target")
	}
	return name(truncate(clean(base), 32, "…"))
}
