// SPDX-License-Identifier: Apache-2.0

package page_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
	"github.com/ipcprobe/ipcprobe/results/report/page"
)

// browser opens a page from disk in headless Chromium, as light or dark, and
// collects what the page complains of and what it tries to fetch.
type browser struct {
	context.Context
	mu       sync.Mutex
	troubles []string
}

// patience is how long a browser may take to start, or to draw what was asked for,
// on a machine that has much else to do.
const patience = time.Minute

func open(t *testing.T, file string, scheme string) *browser {
	t.Helper()
	chromium := kerneltest.Tool(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium),
		chromedp.NoSandbox, chromedp.WindowSize(1100, 900), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(patience))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*patience)
	t.Cleanup(cancel)
	b := &browser{Context: ctx}
	chromedp.ListenTarget(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.troubles = append(b.troubles, "exception: "+e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			b.troubles = append(b.troubles, fmt.Sprintf("console.%s", e.Type))
		case *log.EventEntryAdded:
			b.troubles = append(b.troubles, "log: "+e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "file://") && !strings.HasPrefix(e.Request.URL, "data:") {
				b.troubles = append(b.troubles, "fetched "+e.Request.URL)
			}
		}
	})
	b.do(t, network.Enable(), log.Enable(), runtime.Enable(),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.Navigate("file://"+file), chromedp.WaitVisible("html[data-drawn]", chromedp.ByQuery))
	return b
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(b, actions...); err != nil {
		t.Fatal(err)
	}
}

// await looks at the page until it is as wanted, and fails the test with what it was
// last if it never is.
func (b *browser) await(t *testing.T, look func() (is string, ok bool)) {
	t.Helper()
	for begin := time.Now(); ; b.do(t, chromedp.Sleep(100*time.Millisecond)) {
		is, ok := look()
		if ok {
			return
		}
		if time.Since(begin) > patience {
			t.Fatal(is)
		}
	}
}

// calm fails the test if the page complained or went to the network.
func (b *browser) calm(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		t.Error(trouble)
	}
}

// eval gives what a script in the page says.
func eval[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	var out T
	b.do(t, chromedp.Evaluate(script, &out))
	return out
}

func written(t *testing.T, p *page.Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := page.Write(&out, p); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// specimen has one figure of each kind.
func specimen() *page.Page {
	rng := rand.New(rand.NewPCG(1, 2))
	var stretches []page.Stretch
	all := results.NewHistogram()
	for i := range 40 {
		h := results.NewHistogram()
		for range 3000 {
			_ = h.RecordValue(20_000 + int64(rng.ExpFloat64()*15_000))
		}
		all.Merge(h)
		mode := "bare"
		if i/4%2 == 1 {
			mode = "probed"
		}
		stretches = append(stretches, page.Stretch{Mode: mode, Start: float64(i) / 10, Seconds: 0.1, Times: results.DurationsOf(h)})
	}
	p := sampled()
	other := sampled()
	other.Sample[0].Value[0] = 400
	resident := int64(12 << 20)
	return &page.Page{Title: "specimen", Subject: "gateway · /run/g.sock", State: page.State{Word: "valid", Good: true},
		Sections: []page.Section{
			{ID: "verdict", Title: "Verdict", Body: "<p>It answers <strong>41,300 requests/s</strong>.</p>"},
			{ID: "speed", Title: "Throughput", Figures: []page.Figure{
				{ID: "time", Caption: "over time", Timeline: page.TimelineOf(stretches)},
				{ID: "dist", Caption: "by percentile", Distribution: &page.Distribution{Series: []page.Percentiles{*page.PercentilesOf("bare slices", all)}}}}},
			{ID: "legs", Title: "Legs", Figures: []page.Figure{{ID: "stack", Caption: "legs", Stack: &page.Stack{Unit: "ns",
				Parts: []string{"send call", "queue wait"}, Bars: []page.Bar{{Name: "p50", Values: []float64{1000, 3000}}, {Name: "p99", Values: []float64{2000, 9000}}}}}}},
			{ID: "cpu", Title: "CPU", Figures: []page.Figure{
				{ID: "flame", Caption: "on CPU", Flame: page.FlameOf(p, 0, "latency")},
				{ID: "diff", Caption: "what changed", Flame: page.DiffOf(p, other, 0)}}},
			{ID: "memory", Title: "Memory", Figures: []page.Figure{{ID: "rss", Caption: "resident", Curve: &page.Curve{
				Seconds: []float64{0, 1, 2}, Lines: []page.Line{{Name: "RSS", Values: []*int64{&resident, nil, &resident}}}}}}},
		}}
}

// sampled is a profile of three call paths; samples of one carry a latency band.
func sampled() *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}}}
	mapping := &profile.Mapping{ID: 1, File: "/usr/bin/gateway"}
	p.Mapping = []*profile.Mapping{mapping}
	at := map[string]*profile.Location{}
	stack := func(value int64, label string, names ...string) {
		s := &profile.Sample{Value: []int64{value}}
		if label != "" {
			s.Label = map[string][]string{"latency": {label}}
		}
		for _, n := range names {
			if at[n] == nil {
				f := &profile.Function{ID: uint64(len(at) + 1), Name: n}
				at[n] = &profile.Location{ID: f.ID, Mapping: mapping, Line: []profile.Line{{Function: f}}}
				p.Function, p.Location = append(p.Function, f), append(p.Location, at[n])
			}
			s.Location = append(s.Location, at[n])
		}
		p.Sample = append(p.Sample, s)
	}
	stack(60, "", "json_parse", "handle", "main")
	stack(30, "above p99", "memcpy", "handle", "main")
	stack(10, "", `<img src=x onerror=alert(1)>"'`, "main")
	return p
}

func TestEveryFigureIsDrawn(t *testing.T) {
	kerneltest.Root(t)
	file := written(t, specimen())
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			b := open(t, file, scheme)
			if n := eval[string](t, b, `document.documentElement.dataset.drawn`); n != "6" {
				t.Errorf("%s figures drawn, want 6", n)
			}
			// A canvas with lines has pixels of their colour, not only of axes.
			blank := eval[[]string](t, b, `[...document.querySelectorAll("canvas")].filter((c) => {
				const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
				const colors = new Set();
				for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) colors.add(d[i] >> 3 << 10 | d[i + 1] >> 3 << 5 | d[i + 2] >> 3);
				return colors.size < 3;
			}).map((c) => c.closest("figure").dataset.figure)`)
			if len(blank) > 0 {
				t.Errorf("nothing is drawn in %v", blank)
			}
			if n := eval[int](t, b, `document.querySelectorAll("canvas").length`); n != 4 {
				t.Errorf("%d canvases, want 4", n)
			}
			paper := eval[string](t, b, `getComputedStyle(document.body).backgroundColor`)
			if dark := paper == "rgb(20, 24, 29)"; dark != (scheme == "dark") {
				t.Errorf("paper is %s in %s", paper, scheme)
			}
			if wide := eval[bool](t, b, `document.documentElement.scrollWidth > innerWidth`); wide {
				t.Error("the page is wider than the window")
			}
			b.calm(t)
		})
	}
}

func TestAFlameCanBeSearchedAndZoomed(t *testing.T) {
	kerneltest.Root(t)
	b := open(t, written(t, specimen()), "light")
	const flame = `document.querySelector("[data-figure=flame] .drawing")`
	width := func(name string) float64 {
		return eval[float64](t, b, `(() => { const g = [...`+flame+`.querySelectorAll("g.frame")].find((g) => g.__data__.data.n === "`+name+`");
			return g ? +g.querySelector("rect").getAttribute("width") : -1; })()`)
	}
	all := eval[float64](t, b, `+`+flame+`.querySelector("svg").getAttribute("width")`)
	// Widths grow for a quarter of a second, or longer where the browser gets no CPU.
	becomes := func(name string, low, high float64, when string) {
		t.Helper()
		b.await(t, func() (string, bool) {
			share := 100 * width(name) / all
			return fmt.Sprintf("%s is %.1f %% wide %s, want %v to %v", name, share, when, low, high), share >= low && share <= high
		})
	}
	becomes("all", 99, 101, "at first")
	becomes("handle", 89, 91, "at first")
	becomes("json_parse", 59, 61, "at first")
	b.do(t, chromedp.SendKeys(`[data-figure=flame] input`, "memc", chromedp.ByQuery))
	b.await(t, func() (string, bool) {
		said := eval[string](t, b, flame+`.querySelector(".details").textContent`)
		return fmt.Sprintf("the search says %q", said), strings.Contains(said, "1 frames, 30.00 %")
	})
	// Zoom by keyboard, and back.
	b.do(t, chromedp.Evaluate(`[...`+flame+`.querySelectorAll("g.frame")].find((g) => g.__data__.data.n === "memcpy").focus()`, nil),
		chromedp.KeyEvent("\r"))
	becomes("memcpy", 99, 101, "after the zoom")
	b.do(t, chromedp.Click(`[data-figure=flame] button`, chromedp.ByQuery))
	becomes("memcpy", 29, 31, "after going back")
	// The samples of one band alone.
	b.do(t, chromedp.Evaluate(`(() => { const s = `+flame+`.querySelector("select"); s.value = "1"; s.dispatchEvent(new Event("change")); })()`, nil))
	becomes("memcpy", 99, 101, "among the slow samples")
	b.calm(t)
}
