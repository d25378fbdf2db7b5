// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"

	"github.com/ipcprobe/ipcprobe/results"
)

// Failures gives the reason to distrust a run of which more than most percent of
// the requests failed (an error answer, none in time, or a connection that
// ended), or "". Requests that had not ended are not judged.
func Failures(c results.Counts, most float64) string {
	failed, ended := c.Failed(), c.OK+c.Failed()
	if failed == 0 || 100*float64(failed) <= most*float64(ended) {
		return ""
	}
	return fmt.Sprintf(
		"%d of %d requests failed (%d error answers, %d timeouts, %d broken connections); --max-errors allows %g %%",
		failed, ended, c.Error, c.Timeout, c.Broken, most)
}
