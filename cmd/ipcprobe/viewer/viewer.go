// SPDX-License-Identifier: Apache-2.0

// Package viewer serves a stored run to one browser: its page, its files and
// pprof's own views of its profiles.
//
// A report says what a production server does, and pprof's views take whatever a
// query asks of them. So all of it stands below a path that begins with a secret
// (the token in the address that is printed), and is given only to requests that
// name the loopback as their host: another page in the same browser can neither
// guess the one nor, by rebinding a name of its own, pretend the other. Nothing is
// written, and pprof's views of sources and code are left out, since the names of
// the files that they would open come out of the profile.
package viewer

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"strings"

	"github.com/google/pprof/profile"
)

// Content is what is served.
type Content struct {
	// Page writes the run's page; links are addresses of the profiles' views,
	// relative to it, by their titles.
	Page func(w io.Writer, links []Link) error
	// Profiles by a short name, which is part of their views' addresses.
	Profiles map[string]*profile.Profile
	// Files are the names of the run's files that can be fetched, which Open opens.
	Files []string
	Open  func(name string) (io.ReadCloser, error)
}

// Link is an address with the words that it goes by.
type Link struct{ Title, Address string }

// NewToken returns a secret for an address: 128 bits, in letters and digits.
func NewToken() string { return strings.ToLower(rand.Text()) }

// New returns the handler of a run below /TOKEN/. The page is laid out once, here:
// what is wrong with the run is known before anybody looks. Errors are those of
// Page and of pprof.
func New(token string, c Content) (http.Handler, error) {
	mux := http.NewServeMux()
	var links []Link
	names := make([]string, 0, len(c.Profiles))
	for name := range c.Profiles {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		handler, err := pprofViews(name, c.Profiles[name])
		if err != nil {
			return nil, fmt.Errorf("show the profile %s: %w", name, err)
		}
		below := "/pprof/" + name
		mux.Handle(below+"/", http.StripPrefix(below, handler))
		links = append(links, Link{"pprof: " + name, "pprof/" + name + "/flamegraph"})
	}
	for _, name := range c.Files {
		mux.HandleFunc("GET /files/"+name, func(w http.ResponseWriter, _ *http.Request) { sendFile(w, &c, name) })
		links = append(links, Link{name, "files/" + name})
	}
	var page bytes.Buffer
	if err := c.Page(&page, links); err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page.Bytes())
	})
	return guarded(token, mux), nil
}

// guarded lets only those pass who know the token and ask the loopback.
func guarded(token string, next http.Handler) http.Handler {
	prefix := "/" + token
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !isLoopback(r.Host) {
			http.Error(w, "This server answers for the loopback only.", http.StatusForbidden)
			return
		}
		first, _, more := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if subtle.ConstantTimeCompare([]byte(first), []byte(token)) != 1 {
			http.Error(w, "The address lacks the token that `ipcprobe view` printed.", http.StatusForbidden)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "There is nothing here to be changed.", http.StatusMethodNotAllowed)
			return
		}
		if !more {
			http.Redirect(w, r, prefix+"/", http.StatusFound)
			return
		}
		http.StripPrefix(prefix, next).ServeHTTP(w, r)
	})
}

// isLoopback reports whether a request's Host names this machine's loopback.
func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

// sendFile sends a file of the run, to be kept and not to be shown: a browser runs
// nothing of it.
func sendFile(w http.ResponseWriter, c *Content, name string) {
	file, err := c.Open(name)
	if err != nil {
		http.Error(w, "The file can't be read any more.", http.StatusNotFound)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = io.Copy(w, file)
}
