// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"

	"github.com/ipcprobe/ipcprobe/results"
)

// LoadText writes the client's part of the report alone, as `ipcprobe load`
// shows it: verdict, throughput, percentiles, histogram, errors by cause, send
// lag, warnings. causes splits the failed requests by what the client saw; nil
// when that isn't known. The error is the writer's.
func LoadText(w io.Writer, r *results.Result, causes map[string]int64, s Style) error {
	verdict := section{title: "Verdict"}
	if r.Valid {
		verdict.blocks = []block{paragraph{text: howFast(r)}}
		if r.Run.Partial {
			verdict.blocks = append(verdict.blocks, paragraph{text: broke(r, "The figures are of that time.")})
		}
	} else {
		verdict.blocks = invalidity(r)
	}
	if len(r.Limits) > 0 {
		verdict.blocks = append(verdict.blocks, limits(r)...)
	}
	verdict.blocks = append(verdict.blocks, facts{{"server", targetText(r)}, {"run", runText(r)}})
	return layText(w, document{sections: []section{
		verdict, clientSpeed(r, causes), latencySection(r), warningSection(r),
	}}, s)
}

func clientSpeed(r *results.Result, causes map[string]int64) section {
	s := section{title: "Throughput", remark: remark(r)}
	if r.Load == nil {
		s.blocks = []block{absent("no request was sent")}
		return s
	}
	s.blocks = []block{append(facts{{"answered", answered(r)}}, loadFacts(r.Load, causes)...)}
	s.blocks = append(s.blocks, kindBlocks(r)...)
	return s
}
