// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// Rule is one limit as it was asked for.
type Rule struct {
	Metric string
	Bound  string  // "<", "<=", ">", ">=", or "=" of leak
	Limit  float64 // in the unit of the metric
}

// longest is the number of bytes of a limit that is still looked at.
const longest = 200

// Parse reads one limit: a metric of Metrics, a bound and a value with its unit.
func Parse(text string) (Rule, error) {
	if len(text) > longest {
		return Rule{}, fmt.Errorf("a limit of %d characters is none; say p99<10ms", len(text))
	}
	at := strings.IndexAny(text, "<>=")
	if at < 0 {
		return Rule{}, fmt.Errorf("%q is no limit; say p99<10ms, throughput>5000, rss<50MB, cpu<30%% or leak=none", text)
	}
	name, rest := strings.TrimSpace(text[:at]), text[at:]
	bound := rest[:1]
	if bound != "=" && strings.HasPrefix(rest[1:], "=") {
		bound = rest[:2]
	}
	value := strings.TrimSpace(rest[len(bound):])
	m, known := find(name)
	if !known {
		return Rule{}, fmt.Errorf("%q is not a figure that can be limited; there are %s", name, strings.Join(Metrics(), ", "))
	}
	rule := Rule{Metric: m.name, Bound: bound}
	if m.unit == leakUnit {
		if bound != "=" || value != results.LeakNone {
			return Rule{}, fmt.Errorf("%q can't be judged; the one limit on leaks is leak=none", text)
		}
		return rule, nil
	}
	wanted := "<"
	if m.more {
		wanted = ">"
	}
	if !strings.HasPrefix(bound, wanted) {
		return Rule{}, fmt.Errorf("%q would be met by a bad server; say %s%s%s", text, m.name, wanted, m.example)
	}
	v, err := number(value, m.unit)
	if err != nil {
		return Rule{}, fmt.Errorf("%q is not a value for %s; say %s%s%s", value, m.name, m.name, wanted, m.example)
	}
	rule.Limit = v
	return rule, nil
}

// scales are the units that a value may carry, by the unit of its metric. Sizes
// in kB, MB and GB are decimal, those in KiB, MiB and GiB binary.
var scales = map[string]map[string]float64{
	"bytes": {"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40},
	"percent":    {"": 1, "%": 1},
	"requests/s": {"": 1, "/s": 1, "rps": 1, "requests/s": 1},
	"1":          {"": 1},
}

// number reads a value in the unit of its metric. Zero is one; nothing below is.
func number(text, unit string) (float64, error) {
	if unit == "ns" {
		d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		if err != nil || d <= 0 {
			return 0, strconv.ErrSyntax
		}
		return float64(d), nil
	}
	end := len(text)
	for end > 0 && (text[end-1] < '0' || text[end-1] > '9') && text[end-1] != '.' {
		end--
	}
	scale, ok := scales[unit][strings.TrimSpace(text[end:])]
	if !ok {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseFloat(text[:end], 64)
	if err != nil || !(v >= 0) || math.IsInf(v*scale, 0) {
		return 0, strconv.ErrSyntax
	}
	return v * scale, nil
}
