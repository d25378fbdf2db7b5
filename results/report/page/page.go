// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// MostBytes is the size of the largest page that Write makes: 2 MiB.
const MostBytes = 2 << 20

// ErrTooLarge says that a page would be larger than MostBytes. Flames and
// timelines are cut to fit, so it takes a report whose text alone is that long.
var ErrTooLarge = errors.New("the page is larger than 2 MiB")

// Page is a report, ready to be laid out.
type Page struct {
	Title    string // of the window and the head
	Subject  string // what was measured, under the title
	State    State
	Links    []Link // to what stands beside the page, where it is served
	Sections []Section
}

// Link is an address, relative to the page's, and the words that it goes by.
type Link struct{ Title, Address string }

// State is what the mark beside the title says.
type State struct {
	Word string // "valid", "invalid"
	Good bool
}

// Section is a titled part of the page: its text, which comes escaped, and what is
// drawn below.
type Section struct {
	ID      string
	Title   string
	Remark  string
	Body    template.HTML
	Figures []Figure
}

// Figure is something drawn. Exactly one of the pointers is set. Caption says in
// a sentence what is seen; who can't see it has the section's tables.
type Figure struct {
	ID      string `json:"-"`
	Caption string `json:"-"`

	Distribution *Distribution `json:"distribution,omitempty"`
	Timeline     *Timeline     `json:"timeline,omitempty"`
	Stack        *Stack        `json:"stack,omitempty"`
	Curve        *Curve        `json:"curve,omitempty"`
	Flame        *Flame        `json:"flame,omitempty"`
}

var (
	//go:embed page.html
	layoutText string
	//go:embed page.css
	ownStyle string
	//go:embed library/uplot.css
	plotStyle string
	//go:embed library/d3.js
	d3Script string
	//go:embed library/flamegraph.js
	flameScript string
	//go:embed library/uplot.js
	plotScript string
	//go:embed page.js
	pageScript string
	//go:embed chart.js
	chartScript string
	//go:embed flame.js
	ownFlameScript string
)

var layout = template.Must(template.New("page").Parse(layoutText))

// content is what the layout is filled with.
type content struct {
	*Page
	Policy  template.HTMLAttr // the whole attribute content="…"
	Style   template.CSS
	Scripts []template.JS
	Data    template.JS // figures by their ID
}

// Write writes the page. It fails where a figure holds a number that JSON can't,
// where the page would be larger than MostBytes (ErrTooLarge), and with the
// writer's errors; nothing is written in the first two cases.
func Write(w io.Writer, p *Page) error {
	figures := map[string]*Figure{}
	flames := false
	for i := range p.Sections {
		for j := range p.Sections[i].Figures {
			f := &p.Sections[i].Figures[j]
			figures[f.ID] = f
			flames = flames || f.Flame != nil
		}
	}
	data, err := json.Marshal(figures)
	if err != nil {
		return fmt.Errorf("encode the figures: %w", err)
	}
	c := content{Page: p, Style: template.CSS(plotStyle + ownStyle), Data: template.JS(data)}
	parts := []string{plotScript}
	if flames {
		parts = append(parts, d3Script, flameScript)
	}
	for _, s := range append(parts, chartScript, ownFlameScript, pageScript) {
		c.Scripts = append(c.Scripts, template.JS(s))
	}
	c.Policy = policy(c.Scripts)
	var out bytes.Buffer
	if err := layout.Execute(&out, c); err != nil {
		return fmt.Errorf("lay out the page: %w", err)
	}
	if out.Len() > MostBytes {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, out.Len())
	}
	_, err = w.Write(out.Bytes())
	return err
}

// policy is the Content-Security-Policy under which only these scripts run and
// nothing is fetched. Styles are free: the chart libraries set some.
func policy(scripts []template.JS) template.HTMLAttr {
	var hashes strings.Builder
	for _, s := range scripts {
		sum := sha256.Sum256([]byte(s))
		hashes.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return template.HTMLAttr(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src` +
		hashes.String() + `; base-uri 'none'; form-action 'none'"`)
}
