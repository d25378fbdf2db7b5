// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ipcprobe/ipcprobe/results"
)

const schemaFile = "../../docs/result.schema.json"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decoded(t *testing.T, doc []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func encoded(t *testing.T, r *results.Result) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := JSON(&buf, r); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestGoldensSatisfyTheSchema(t *testing.T) {
	s := schema(t)
	for _, specimen := range specimens {
		doc, err := os.ReadFile(filepath.Join("testdata", specimen.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(decoded(t, doc)); err != nil {
			t.Errorf("%s: %v", specimen.name, err)
		}
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	for name, spoil := range map[string]func(m map[string]any){
		"another version":            func(m map[string]any) { m["schema_version"] = 2.0 },
		"no version":                 func(m map[string]any) { delete(m, "schema_version") },
		"null warnings":              func(m map[string]any) { m["warnings"] = nil },
		"invalid without reason":     func(m map[string]any) { m["valid"] = false },
		"a loop that is none":        func(m map[string]any) { at(m, "load")["loop"] = "half" },
		"a negative duration":        func(m map[string]any) { at(m, "run")["duration_ns"] = -1.0 },
		"a mode that is none":        func(m map[string]any) { at(m, "run")["slices"].([]any)[0].(map[string]any)["mode"] = "idle" },
		"a distribution without p50": func(m map[string]any) { delete(at(m, "legs", "queue_wait"), "p50") },
		"a percentile in words":      func(m map[string]any) { at(m, "latency", "round_trip")["p99"] = "155 µs" },
		"an interval of one":         func(m map[string]any) { at(m, "overhead")["interval"] = []any{1.0} },
		"more than all matched":      func(m map[string]any) { at(m, "join")["matched_pct"] = 101.0 },
		"no account of loss":         func(m map[string]any) { delete(at(m, "loss"), "reconciled") },
	} {
		t.Run(name, func(t *testing.T) {
			var m map[string]any
			if err := json.Unmarshal(encoded(t, healthy()), &m); err != nil {
				t.Fatal(err)
			}
			if err := schema(t).Validate(m); err != nil {
				t.Fatalf("before it was spoilt: %v", err)
			}
			spoil(m)
			if schema(t).Validate(m) == nil {
				t.Error("it passed")
			}
		})
	}
}

func at(m map[string]any, path ...string) map[string]any {
	for _, p := range path {
		m = m[p].(map[string]any)
	}
	return m
}

// TestTheSchemaNamesEveryKey holds the schema and the types together: each key
// of results.Result is described, and required just when it is always written.
func TestTheSchemaNamesEveryKey(t *testing.T) {
	doc, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(doc, &root); err != nil {
		t.Fatal(err)
	}
	compareType(t, root, root, reflect.TypeFor[results.Result](), "result")
}

func compareType(t *testing.T, root, node map[string]any, typ reflect.Type, path string) {
	if node = resolve(t, root, node); node == nil {
		return
	}
	switch typ.Kind() {
	case reflect.Pointer:
		compareType(t, root, node, typ.Elem(), path)
	case reflect.Slice, reflect.Array:
		if items, ok := node["items"].(map[string]any); ok {
			compareType(t, root, items, typ.Elem(), path+"[]")
		} else {
			t.Errorf("%s: the schema doesn't say what its items are", path)
		}
	case reflect.Struct:
		compareStruct(t, root, node, typ, path)
	}
}

func compareStruct(t *testing.T, root, node map[string]any, typ reflect.Type, path string) {
	properties, _ := node["properties"].(map[string]any)
	required := map[string]bool{}
	if list, ok := node["required"].([]any); ok {
		for _, k := range list {
			required[k.(string)] = true
		}
	}
	known := map[string]bool{}
	for i := range typ.NumField() {
		key, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if key == "-" {
			continue
		}
		known[key] = true
		property, ok := properties[key].(map[string]any)
		if !ok {
			t.Errorf("%s.%s: not in the schema", path, key)
			continue
		}
		if always := !strings.Contains(options, "omitempty"); always != required[key] {
			t.Errorf("%s.%s: always written %v, required %v", path, key, always, required[key])
		}
		compareType(t, root, property, typ.Field(i).Type, path+"."+key)
	}
	for key := range properties {
		if !known[key] {
			t.Errorf("%s.%s: in the schema, but nothing writes it", path, key)
		}
	}
}

// resolve follows a reference, also one that may be null.
func resolve(t *testing.T, root, node map[string]any) map[string]any {
	if choices, ok := node["anyOf"].([]any); ok {
		node = choices[0].(map[string]any)
	}
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	if strings.HasPrefix(ref, filepath.Base(schemaFile)) {
		return nil // held to its type where it stands
	}
	definition, ok := root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	if !ok {
		t.Fatalf("%s leads nowhere", ref)
	}
	return definition
}

// contractKeys are the keys that others build on.
const contractKeys = `schema_version valid invalid_reasons warnings
tool.version tool.commit run.name run.started_at run.duration_ns run.warmup_ns run.slices run.seed run.command
target.pid target.executable target.build_id target.command target.socket target.threads target.protocol
environment.kernel environment.cpu_model environment.cpus environment.virtualised environment.lockdown
environment.steal_pct environment.placement
load.loop load.connections load.pipeline load.offered_rps load.achieved_rps load.payload_bytes load.generator_cpu_pct
load.requests.sent load.requests.ok load.requests.error load.requests.timeout load.requests.censored
latency.response_time latency.round_trip latency.send_lag
latency.response_time.count latency.response_time.min latency.response_time.mean latency.response_time.p50
latency.response_time.p90 latency.response_time.p95 latency.response_time.p99 latency.response_time.p99_9
latency.response_time.p99_99 latency.response_time.max
legs.send_call legs.queue_wait legs.service_time legs.reply_delivery
join.requests join.matched join.unmatched join.matched_pct join.residual
cpu.utilisation_pct cpu.user_pct cpu.kernel_pct cpu.ns_per_request cpu.samples cpu.complete_stacks_pct cpu.top
memory.rss_baseline_bytes memory.rss_peak_bytes memory.rss_final_bytes
overhead.throughput_pct overhead.cpu_pct overhead.interval overhead.probed_share_pct overhead.programs
loss.seen loss.emitted loss.filtered loss.lost loss.reconciled`

func TestAWholeResultHasTheKeysOthersBuildOn(t *testing.T) {
	var m map[string]any
	if err := json.Unmarshal(encoded(t, openLoop()), &m); err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(contractKeys) {
		var v any = m
		for _, key := range strings.Split(path, ".") {
			object, ok := v.(map[string]any)
			if v, ok = object[key], ok && contains(object, key); !ok {
				t.Errorf("%s is missing", path)
				break
			}
		}
	}
	for list, keys := range map[string]string{
		"syscalls": "name calls calls_per_request bytes_per_call total_ns latency errors",
		"limits":   "metric limit measured met",
	} {
		first := m[list].([]any)[0].(map[string]any)
		for _, key := range strings.Fields(keys) {
			if !contains(first, key) {
				t.Errorf("%s[].%s is missing", list, key)
			}
		}
	}
}

func contains(m map[string]any, key string) bool { _, ok := m[key]; return ok }

// readBack is a result as it stands in a document. What a stored one has to be
// besides, store.Decode holds.
func readBack(doc []byte) (*results.Result, error) {
	var r results.Result
	err := json.Unmarshal(doc, &r)
	return &r, err
}

func TestJSONIsReadBackAsItWas(t *testing.T) {
	for _, specimen := range specimens {
		t.Run(specimen.name, func(t *testing.T) {
			first := encoded(t, specimen.make())
			r, err := readBack(first)
			if err != nil {
				t.Fatal(err)
			}
			if second := encoded(t, r); !bytes.Equal(first, second) {
				t.Error("it changed on the way")
			}
		})
	}
}

func TestJSONLeavesTheResultAlone(t *testing.T) {
	r := watched()
	r.Syscalls = []results.Syscall{{Name: "poll"}}
	encoded(t, r)
	if r.Warnings != nil || r.Syscalls[0].Errors != nil {
		t.Error("the caller's result was changed")
	}
}

func TestJSONRefusesAFigureThatIsNone(t *testing.T) {
	r := healthy()
	r.CPU.NsPerRequest = math.NaN()
	var buf bytes.Buffer
	if err := JSON(&buf, r); err == nil || buf.Len() > 0 {
		t.Errorf("error %v, %d bytes written", err, buf.Len())
	}
}

func TestJSONHoldsNothingThatATerminalObeys(t *testing.T) {
	for _, r := range string(encoded(t, hostile())) {
		if r < ' ' && r != '\n' || r >= 0x7f && r <= 0x9f || r == 0x202e || r == 0x200b {
			t.Fatalf("%#x", r)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, errors.New("no luck") }
func (failing) Write([]byte) (int, error) { return 0, errors.New("no luck") }

func FuzzResultIsRendered(f *testing.F) {
	f.Add([]byte(`{"schema_version":1,"valid":true,"run":{}}`))
	f.Add([]byte(`{"schema_version":1,"valid":false,"invalid_reasons":["x"],"run":{"slices":null},"legs":{"round_trip":{"mean":1}}}`))
	f.Add([]byte(`{"schema_version":1,"valid":true,"run":{"duration_ns":-1},"cpu":{"top":[{"self_pct":-1e308}]},"latency":{"send_lag":{"max":-9}}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := readBack(doc)
		if err != nil {
			return
		}
		encoded(t, r)
		checkText(t, r, Style{Unicode: true})
		if err := Markdown(io.Discard, r); err != nil {
			t.Error(err)
		}
	})
}
