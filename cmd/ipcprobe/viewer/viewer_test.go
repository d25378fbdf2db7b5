// SPDX-License-Identifier: Apache-2.0

package viewer_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/cmd/ipcprobe/viewer"
)

const token = "s3cret"

func served(t *testing.T) http.Handler {
	t.Helper()
	function := &profile.Function{ID: 1, Name: "json_parse", Filename: "/etc/passwd"}
	location := &profile.Location{ID: 1, Line: []profile.Line{{Function: function, Line: 1}}}
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}},
		Function: []*profile.Function{function}, Location: []*profile.Location{location},
		Sample: []*profile.Sample{{Value: []int64{7}, Location: []*profile.Location{location}}}}
	h, err := viewer.New(token, viewer.Content{
		Page: func(w io.Writer, links []viewer.Link) error {
			_, err := io.WriteString(w, "the page, with "+links[0].Address)
			return err
		},
		Profiles: map[string]*profile.Profile{"cpu": p},
		Files:    []string{"result.json", "gone.txt"},
		Open: func(name string) (io.ReadCloser, error) {
			if name != "result.json" {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(strings.NewReader("{}")), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOnlyWhoKnowsTheAddressIsServed(t *testing.T) {
	h := served(t)
	for _, row := range []struct {
		name, method, host, path string
		status                   int
		says                     string
	}{
		{"the page", "GET", "127.0.0.1:8000", "/s3cret/", 200, "the page, with pprof/cpu/flamegraph"},
		{"without the last slash", "GET", "localhost:8000", "/s3cret", 302, ""},
		{"pprof's flame graph", "GET", "localhost:8000", "/s3cret/pprof/cpu/flamegraph", 200, "json_parse"},
		{"pprof's top", "GET", "[::1]:8000", "/s3cret/pprof/cpu/top", 200, "json_parse"},
		{"a file", "GET", "127.0.0.1:8000", "/s3cret/files/result.json", 200, "{}"},
		{"no token", "GET", "127.0.0.1:8000", "/", 403, "token"},
		{"a wrong token", "GET", "127.0.0.1:8000", "/s3creT/", 403, "token"},
		{"a longer token", "GET", "127.0.0.1:8000", "/s3cretx/", 403, "token"},
		{"a token that is not first", "GET", "127.0.0.1:8000", "/x/s3cret/", 403, "token"},
		{"another host", "GET", "evil.example:8000", "/s3cret/", 403, "loopback"},
		{"a host that begins alike", "GET", "localhost.evil.example", "/s3cret/", 403, "loopback"},
		{"no host", "GET", "", "/s3cret/", 403, "loopback"},
		{"a change", "POST", "127.0.0.1:8000", "/s3cret/", 405, ""},
		{"pprof's sources", "GET", "127.0.0.1:8000", "/s3cret/pprof/cpu/source?f=json_parse", 404, ""},
		{"pprof's settings", "GET", "127.0.0.1:8000", "/s3cret/pprof/cpu/saveconfig?config=x", 404, ""},
		{"a file that is gone", "GET", "127.0.0.1:8000", "/s3cret/files/gone.txt", 404, ""},
		{"a file that isn't the run's", "GET", "127.0.0.1:8000", "/s3cret/files/../../etc/passwd", 404, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, "http://127.0.0.1/", nil)
			r.URL.Path, _, _ = strings.Cut(row.path, "?")
			_, r.URL.RawQuery, _ = strings.Cut(row.path, "?")
			r.Host = row.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			status := w.Code
			if row.status == 404 && (status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect) { // a path that is cleaned first
				status = 404
			}
			if status != row.status || !strings.Contains(w.Body.String(), row.says) {
				t.Errorf("%s %s: %d %.200q; want %d with %q", row.method, row.path, w.Code, w.Body.String(), row.status, row.says)
			}
			if strings.Contains(w.Body.String(), "root:") {
				t.Error("it shows a file of the machine")
			}
			if status == 200 && w.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Error("the address with its token goes to others as the referrer")
			}
		})
	}
}

func TestAPageThatFailsIsKnownAtOnce(t *testing.T) {
	wrong := errors.New("no room")
	if _, err := viewer.New(token, viewer.Content{Page: func(io.Writer, []viewer.Link) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("error is %v", err)
	}
}

func TestTokensDiffer(t *testing.T) {
	if a, b := viewer.NewToken(), viewer.NewToken(); a == b || len(a) < 25 {
		t.Errorf("tokens %q and %q", a, b)
	}
}
