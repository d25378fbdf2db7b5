// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ipcprobe/ipcprobe/results"

// upstreamSection says what the target's own connections carried for a request.
func upstreamSection(r *results.Result) section {
	u := r.Upstream
	s := section{title: "Upstream", remark: remark(r)}
	s.blocks = []block{
		facts{
			{"round trips", say(each(u.RoundTripsPerRequest) + " a request, " + short(float64(u.RoundTrips)) + " in all")},
			{"sent", say(bytesize(u.BytesOutPerRequest) + " a request, in " + short(float64(u.Sends)) + " calls")},
			{"received", say(bytesize(u.BytesInPerRequest) + " a request, in " + short(float64(u.Receives)) + " calls")},
		},
		paragraph{note: true, text: say("On connections that the target opened, from the probed slices.")},
	}
	return s
}
