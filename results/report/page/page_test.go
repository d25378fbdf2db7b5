// SPDX-License-Identifier: Apache-2.0

package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report/page"
)

func TestHostileNamesStayText(t *testing.T) {
	p := specimen()
	hostile := `</script><script>alert(1)</script><!--"'` + "\u2028\x1b[31m"
	p.Title, p.Subject = hostile, hostile
	p.Sections[0].Title = hostile
	p.Sections[3].Figures[0].Flame.Views[0].Root.Children[0].Name = hostile
	var out bytes.Buffer
	if err := page.Write(&out, p); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "alert(1)</script>"); n != 0 {
		t.Errorf("the hostile name stands in the page %d times as markup", n)
	}
	// The data and one element for each script.
	if n, want := strings.Count(out.String(), "</script"), 1+6; n != want {
		t.Errorf("%d ends of scripts, want %d", n, want)
	}
}

func TestNothingRunsThatThePolicyDoesNotName(t *testing.T) {
	var out bytes.Buffer
	if err := page.Write(&out, specimen()); err != nil {
		t.Fatal(err)
	}
	policy := out.String()[:2000]
	if strings.Contains(policy, "script-src 'unsafe-inline'") || strings.Contains(policy, "unsafe-eval") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the policy lets too much run:\n%s", policy)
	}
}

func TestAPageThatIsTooLargeIsRefused(t *testing.T) {
	p := specimen()
	p.Sections[0].Body = template.HTML(strings.Repeat("x", page.MostBytes))
	var out bytes.Buffer
	if err := page.Write(&out, p); !errors.Is(err, page.ErrTooLarge) || out.Len() != 0 {
		t.Errorf("wrote %d bytes, error %v", out.Len(), err)
	}
	p = specimen()
	p.Sections[2].Figures[0].Stack.Bars[0].Values[0] = math.NaN()
	if err := page.Write(io.Discard, p); err == nil {
		t.Error("a figure that is no number was written")
	}
}

func TestAPercentileNeedsItsSamples(t *testing.T) {
	h := results.NewHistogram()
	for i := range 1000 {
		_ = h.RecordValue(int64(1000 + i))
	}
	p := page.PercentilesOf("bare", h)
	for i, q := range p.Quantiles {
		if beyond := float64(p.Count) * (1 - q); beyond < page.Beyond {
			t.Errorf("point %d is at %v, with %v samples beyond", i, q, beyond)
		}
	}
	if last := p.Quantiles[len(p.Quantiles)-1]; last < 0.95 {
		t.Errorf("the line ends at %v", last)
	}
	if page.PercentilesOf("few", results.NewHistogram()) != nil {
		t.Error("an empty histogram has a line")
	}
}

func TestATimelineKeepsCountsAndSlices(t *testing.T) {
	var list []page.Stretch
	var answers float64
	for i := range 5000 {
		h := results.NewHistogram()
		_ = h.RecordValues(1000, int64(1+i%7))
		answers += float64(1 + i%7)
		mode := "bare"
		if i/10%2 == 1 {
			mode = "probed"
		}
		list = append(list, page.Stretch{Mode: mode, Start: 3 + float64(i)/10, Seconds: 0.1, Times: results.DurationsOf(h)})
	}
	tl := page.TimelineOf(list)
	if len(tl.Slices) != 500 || len(tl.Moments) > 1000 {
		t.Fatalf("%d slices, %d moments", len(tl.Slices), len(tl.Moments))
	}
	for _, moments := range [][]page.Moment{tl.Slices, tl.Moments} {
		var sum float64
		for _, m := range moments {
			sum += m.Rate * m.Seconds
		}
		if math.Abs(sum-answers) > 1 {
			t.Errorf("%v answers in the timeline, want %v", sum, answers)
		}
	}
	if tl.Moments[0].Start != 0 {
		t.Errorf("the timeline begins at %v s", tl.Moments[0].Start)
	}
	if page.TimelineOf(nil) != nil {
		t.Error("nothing has a timeline")
	}
}

func TestADifferenceIsInSharesOfTheSecond(t *testing.T) {
	a, b := sampled(), sampled()
	for _, s := range a.Sample {
		s.Value[0] *= 10 // ten times as long a measurement of the same
	}
	root := page.DiffOf(a, b, 0).Views[0].Root
	for _, c := range root.Children {
		if c.Delta != 0 {
			t.Errorf("%s differs by %d between two alike", c.Name, c.Delta)
		}
	}
	b.Sample[0].Value[0] = 160 // json_parse: 60 of 100 becomes 160 of 200
	main := page.DiffOf(a, b, 0).Views[0].Root.Children[0]
	for _, c := range main.Children {
		if c.Name == "handle" {
			for _, leaf := range c.Children {
				if leaf.Name == "json_parse" && leaf.Delta != 160-120 {
					t.Errorf("json_parse differs by %d, want 40", leaf.Delta)
				}
			}
		}
	}
}

func TestTheLibrariesAreAsTheirPackagesHaveThem(t *testing.T) {
	text, err := os.ReadFile("library.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Package, Version, Licence string
		Files                     map[string]struct{ From, SHA256 string }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, p := range list {
		for name, f := range p.Files {
			named[name] = true
			content, err := os.ReadFile(filepath.Join("library", name))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != f.SHA256 {
				t.Errorf("library/%s is not the %s of %s %s", name, f.From, p.Package, p.Version)
			}
		}
	}
	files, err := os.ReadDir("library")
	if err != nil || len(files) != len(named) {
		t.Errorf("%d files, %d named, %v", len(files), len(named), err)
	}
}
