// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"encoding/json"
	"strconv"
)

// event is one trace event. Process and thread are the numbers of a request and of
// one of its tracks.
type event struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"`
	At       micros         `json:"ts"`
	Length   *micros        `json:"dur,omitempty"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	Scope    string         `json:"s,omitempty"` // of an instant
	Args     map[string]any `json:"args,omitempty"`
}

// The phases that are used.
const (
	complete = "X"
	instant  = "i"
	metadata = "M"
)

// micros is a time in ns, written in µs with three decimals, as the format wants it.
type micros int64

// MarshalJSON writes the number exactly.
func (m micros) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/1000, 'f', 3, 64), nil
}

// UnmarshalJSON reads it back.
func (m *micros) UnmarshalJSON(text []byte) error {
	var us float64
	if err := json.Unmarshal(text, &us); err != nil {
		return err
	}
	*m = micros(us*1000 + 0.5)
	return nil
}

// document is the JSON object form.
type document struct {
	Unit   string            `json:"displayTimeUnit"`
	Other  map[string]string `json:"otherData"`
	Events []event           `json:"traceEvents"`
}
