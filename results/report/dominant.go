// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// leg is one part of a round trip.
type leg struct {
	name  string // as a table names it
	noun  string // as a sentence names it
	dist  *results.Distribution
	parts []leg // what it is made of, as far as that is known
}

// untilTaken is the leg that stands for the first two where they are not known apart.
const untilTaken = "until taken"

// legsOf lists the legs in the order of a request's way. Where nobody saw when a
// request was queued, the first two are one.
func legsOf(l *results.Legs) []leg {
	legs := []leg{
		{name: "send call", noun: "the send call", dist: l.SendCall},
		{name: "queue wait", noun: "queue wait", dist: l.QueueWait, parts: known(
			leg{name: "server busy", dist: l.QueueBusy},
			leg{name: "run queue", dist: l.QueueRunQueue},
			leg{name: "wake-up", dist: l.QueueWakeUp},
		)},
		{name: "service time", noun: "service time", dist: l.ServiceTime, parts: known(
			leg{name: "on CPU, user", dist: l.ServiceOnCPUUser},
			leg{name: "on CPU, kernel", dist: l.ServiceOnCPUKernel},
			leg{name: "upstream wait", dist: l.UpstreamWait},
			leg{name: "blocked", dist: l.ServiceBlocked},
			leg{name: "run queue", dist: l.ServiceRunQueue},
		)},
		{name: "reply delivery", noun: "reply delivery", dist: l.ReplyDelivery, parts: known(
			leg{name: "server sending", dist: l.DeliverySending},
			leg{name: "client busy", dist: l.DeliveryBusy},
			leg{name: "run queue", dist: l.DeliveryRunQueue},
			leg{name: "wake-up", dist: l.DeliveryWakeUp},
		)},
	}
	if l.SendCall == nil && l.QueueWait == nil && l.UntilTaken != nil {
		return append([]leg{{name: untilTaken, noun: "the way to the server", dist: l.UntilTaken}}, legs[2:]...)
	}
	return legs
}

// known are the parts of a leg, or none where one of them was not measured.
func known(parts ...leg) []leg {
	for _, p := range parts {
		if p.dist == nil {
			return nil
		}
	}
	return parts
}

// largest is the part with the largest mean and its percentage of the leg's.
func (l leg) largest() (part leg, pct float64, ok bool) {
	for _, p := range l.parts {
		if part.dist == nil || p.dist.Mean > part.dist.Mean {
			part = p
		}
	}
	if part.dist == nil || !(l.dist.Mean > 0) {
		return leg{}, 0, false
	}
	return part, min(100, 100*part.dist.Mean/l.dist.Mean), true
}

// whole reports whether the legs and the round trip they add up to are all
// there.
func whole(l *results.Legs) bool {
	if l == nil || l.RoundTrip == nil || !(l.RoundTrip.Mean > 0) {
		return false
	}
	for _, leg := range legsOf(l) {
		if leg.dist == nil {
			return false
		}
	}
	return true
}

// negligible is the share of the mean round trip below which what the legs
// miss of it is rounding.
const negligible = 0.0005

// meansOf are the means of the legs and what they add up to. Where they miss
// more of the mean round trip than rounding, the rest is a fifth part.
func meansOf(l *results.Legs) (means []float64, sum float64) {
	for _, leg := range legsOf(l) {
		means = append(means, leg.dist.Mean)
		sum += leg.dist.Mean
	}
	if missing := l.RoundTrip.Mean - sum; math.Abs(missing) >= negligible*l.RoundTrip.Mean {
		return append(means, missing), l.RoundTrip.Mean
	}
	return means, sum
}

// ranked are the legs with their whole-number shares of 100, largest first.
type ranked struct {
	leg
	share int64
}

func rank(l *results.Legs) []ranked {
	legs := legsOf(l)
	means, sum := meansOf(l)
	shares := apportion(100, means, sum)
	out := make([]ranked, len(legs))
	for i, leg := range legs {
		out[i] = ranked{leg, shares[i]}
	}
	slices.SortStableFunc(out, func(a, b ranked) int {
		switch {
		case a.dist.Mean > b.dist.Mean:
			return -1
		case a.dist.Mean < b.dist.Mean:
			return 1
		}
		return 0
	})
	return out
}

// madeOf is the second sentence: what a request's time is made of.
func madeOf(r *results.Result) text {
	if !whole(r.Legs) {
		return say("What a request’s time is made of, and what dominates, was not measured: " + unjoined(r) + ".")
	}
	var parts []string
	left := int64(100)
	rest := false
	for _, leg := range rank(r.Legs) {
		if leg.share == 0 {
			rest = true
			continue
		}
		left -= leg.share
		parts = append(parts, unit(strconv.FormatInt(leg.share, 10), "%")+" is "+leg.noun)
	}
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.Replace(parts[i], " is ", " ", 1)
	}
	t := say("Of a request’s mean round trip of ").and(in(strong, duration(r.Legs.RoundTrip.Mean))).
		with(probedNote(r) + ", " + listing(parts))
	switch {
	case left > 0:
		t = t.with("; " + unit(strconv.FormatInt(left, 10), "%") + " is unaccounted for")
	case rest:
		t = t.with("; the rest is below 1" + string(nbsp) + "%")
	}
	return t.with(".")
}

// stretched is by how much the probes may stretch the round trip before the
// reader is reminded that the legs are of probed slices.
const stretched = 1.1

// probedNote sets the mean round trip without probes beside the one with them,
// where they differ: the first sentence quotes the one, the second the other.
func probedNote(r *results.Result) string {
	if r.Latency == nil || r.Latency.RoundTrip == nil || withheld(r) {
		return ""
	}
	bare, probed := r.Latency.RoundTrip.Mean, r.Legs.RoundTrip.Mean
	if probed < stretched*bare && bare < stretched*probed {
		return ""
	}
	return " with probes (" + duration(bare) + " without)"
}

// listing joins words as a sentence does: a, b and c.
func listing(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// unjoined is the reason for having no legs.
func unjoined(r *results.Result) string {
	if r.Join == nil {
		if why := unprobed(r); why != "" {
			return why
		}
		return "nothing was joined"
	}
	if r.Join.Requests == 0 {
		return "no request lay wholly inside a probed slice"
	}
	if r.Join.Matched == 0 {
		return "none of " + count(r.Join.Requests) + " requests could be matched with what the kernel saw"
	}
	return "the joined requests are incomplete"
}

// dominates is the third sentence: which leg is the largest, and what follows
// from it as far as the figures tell.
func dominates(r *results.Result) text {
	if !whole(r.Legs) {
		return nil
	}
	order := rank(r.Legs)
	first, second := order[0], order[1]
	if first.share < 50 && first.share-second.share < 5 {
		return say("Nothing dominates: " + first.noun + " and " + second.noun +
			" take about as long as each other.")
	}
	t := say("What dominates is ").and(in(strong, first.noun))
	if part, pct, ok := first.largest(); ok && pct >= 50 {
		if advice, ok := partAdvice(r, first.name, part.name, pct); ok {
			return t.and(advice)
		}
	}
	switch first.name {
	case "queue wait":
		return t.and(queueAdvice(r))
	case "service time":
		return t.and(serviceAdvice(r))
	case "reply delivery":
		return t.and(replyAdvice(r))
	case untilTaken:
		return t.with(", the client’s send until the server has read the whole request: on this kernel nobody saw when it was queued.")
	}
	return t.and(sendAdvice(r))
}

// queueAdvice tells a busy server from a sleeping one.
func queueAdvice(r *results.Result) text {
	alone := r.Load != nil && r.Load.OfferedRPS == nil && r.Load.Connections*r.Load.Pipeline == 1
	c := r.CPU
	switch {
	case alone:
		return say(": with one request in flight there is no other to wait for, so this is the time " +
			"the server takes to wake up and read.")
	case c == nil:
		return say(": the request lay in the server’s queue before the server read it.")
	case r.Target.Threads == 1 && c.UtilisationPct >= 90:
		return say(": the server was busy with other requests (" + rough(c.UtilisationPct) +
			" of a core) while this one waited, so a faster service shortens both legs.")
	case c.UtilisationPct < 60:
		t := say(": requests lay unread although the server used only " + rough(c.UtilisationPct) +
			" of one core, so it was blocked or waiting to run rather than busy")
		if shared := r.Environment.Placement.SharedPct; shared >= 20 {
			t = t.with("; client and server were on the same CPU in " + rough(shared) + " of looks")
		}
		return t.with(".")
	}
	return say(": requests lay unread while the server used " + rough(c.UtilisationPct) +
		" of one core on " + plural(int64(r.Target.Threads), "thread") + ".")
}

// serviceAdvice tells a computing server from a waiting one, by the CPU time a
// request costs against the time its service takes.
func serviceAdvice(r *results.Result) text {
	c, service := r.CPU, r.Legs.ServiceTime.Mean
	if c == nil || c.NsPerRequest <= 0 || service <= 0 {
		return say(", the time between reading a request and sending its answer.")
	}
	spent := duration(c.NsPerRequest)
	switch share := c.NsPerRequest / service; {
	case share < 0.5:
		return say(": the target spent only " + spent + " of CPU on a request whose service took " +
			duration(service) + ", so most of that is waiting – for another service, a lock or a core.")
	case share >= 0.8 && r.Target.Threads == 1:
		t := say(": it is spent computing (" + spent + " of CPU a request)")
		if f, ok := hottest(c); ok {
			t = t.with(", most of all in ").and(name(truncate(clean(f.Function), 40, "…"))).
				with(" (" + rough(f.SelfPct) + ")")
		}
		return t.with(".")
	}
	return say(": the target spent " + spent + " of CPU on a request whose service took " +
		duration(service) + ".")
}

// hottest is the function with the largest share of its own.
func hottest(c *results.CPU) (results.Function, bool) {
	if len(c.Top) == 0 {
		return results.Function{}, false
	}
	return slices.MaxFunc(c.Top, func(a, b results.Function) int {
		switch {
		case a.SelfPct > b.SelfPct:
			return 1
		case a.SelfPct < b.SelfPct:
			return -1
		}
		return 0
	}), true
}

func replyAdvice(r *results.Result) text {
	const what = ", from the server’s send to the client’s having read the answer"
	switch p := r.Environment.Placement; {
	case r.Load != nil && r.Load.GeneratorCPUPct >= 90:
		return say(what + ": the load generator used " + rough(r.Load.GeneratorCPUPct) +
			" of one core, so much of that may be its own.")
	case p.SharedPct >= 20:
		return say(what + ": client and server were on the same CPU in " + rough(p.SharedPct) +
			" of looks, so the answer waited for its reader’s turn.")
	}
	return say(what + ": the send call and waking the client, not the server’s own code.")
}

func sendAdvice(r *results.Result) text {
	t := say(", the client’s send until the request’s last byte lies in the server’s queue")
	if r.Load != nil && r.Load.PayloadBytes >= 64<<10 {
		return t.with(": with " + exactsize(int64(r.Load.PayloadBytes)) +
			" a request, that is copying and waiting for room.")
	}
	return t.with(".")
}
