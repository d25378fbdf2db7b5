// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"errors"
	"flag"
	"io"
	"net/http"
	"time"

	"github.com/google/pprof/driver"
	"github.com/google/pprof/profile"
)

// shown are the views of pprof that open nothing but the profile.
var shown = []string{"/", "/flamegraph", "/top", "/graph", "/peek", "/download"}

// pprofViews are pprof's views of a profile, as paths from the root.
func pprofViews(name string, p *profile.Profile) (http.Handler, error) {
	mux := http.NewServeMux()
	served := false
	err := driver.PProf(&driver.Options{
		Flagset: &words{flag.NewFlagSet("pprof", flag.ContinueOnError), []string{"-http=localhost:1", "-no_browser", "-symbolize=none", name}},
		Fetch:   fetched{p},
		UI:      mute{},
		Obj:     noObjects{},
		HTTPServer: func(args *driver.HTTPServerArgs) error {
			served = true
			for _, path := range shown {
				if h := args.Handlers[path]; h != nil {
					if path == "/" {
						path = "/{$}"
					}
					mux.Handle(path, h)
				}
			}
			return nil
		},
	})
	if err == nil && !served {
		err = errors.New("pprof has not offered its views")
	}
	return mux, err
}

// fetched gives pprof the profile that we have.
type fetched struct{ p *profile.Profile }

func (f fetched) Fetch(src string, _, _ time.Duration) (*profile.Profile, string, error) {
	return f.p, src, nil
}

// words are pprof's command line.
type words struct {
	*flag.FlagSet
	args []string
}

func (f *words) StringList(name, def, usage string) *[]*string {
	return &[]*string{f.String(name, def, usage)}
}

func (f *words) ExtraUsage() string      { return "" }
func (f *words) AddExtraUsage(eu string) {}
func (f *words) Parse(usage func()) []string {
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	if f.FlagSet.Parse(f.args) != nil {
		return nil
	}
	return f.Args()
}

// mute is a user interface that nobody sees.
type mute struct{}

func (mute) ReadLine(string) (string, error)     { return "", io.EOF }
func (mute) Print(...any)                        {}
func (mute) PrintErr(...any)                     {}
func (mute) IsTerminal() bool                    { return false }
func (mute) WantBrowser() bool                   { return false }
func (mute) SetAutoComplete(func(string) string) {}

// noObjects opens no binary: their names come out of the profile.
type noObjects struct{}

var errNoObjects = errors.New("ipcprobe view opens no binaries")

func (noObjects) Open(string, uint64, uint64, uint64, string) (driver.ObjFile, error) {
	return nil, errNoObjects
}

func (noObjects) Disasm(string, uint64, uint64, bool) ([]driver.Inst, error) {
	return nil, errNoObjects
}
