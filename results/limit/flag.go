// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"fmt"
	"strconv"
	"strings"
)

// Flag is the value of a --limit that may be given again and again. It has the
// methods of pflag.Value.
type Flag struct{ Rules []Rule }

// Set adds a limit, or several separated by commas.
func (f *Flag) Set(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		rule, err := Parse(strings.TrimSpace(word))
		if err != nil {
			return err
		}
		for _, other := range f.Rules {
			if other.Metric == rule.Metric {
				return fmt.Errorf("%s is limited twice", rule.Metric)
			}
		}
		f.Rules = append(f.Rules, rule)
	}
	return nil
}

// String lists the limits.
func (f *Flag) String() string {
	words := make([]string, len(f.Rules))
	for i, r := range f.Rules {
		value := strconv.FormatFloat(r.Limit, 'g', -1, 64)
		if r.Bound == "=" {
			value = "none"
		}
		words[i] = r.Metric + r.Bound + value
	}
	return strings.Join(words, ",")
}

// Type is what stands for the value in a help text.
func (f *Flag) Type() string { return "METRIC<VALUE" }
