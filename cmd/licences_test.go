// SPDX-License-Identifier: Apache-2.0

package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

// permissive are the licences under which others' code may be linked into ours.
var permissive = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}

// licenceFile is what projects call the file that holds their licence.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)(\.|-|$)`)

// TestWhatWeLinkIsPermissive reads the licence of each module that is linked into
// a binary of ours.
func TestWhatWeLinkIsPermissive(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}", "./ipcprobe", "./ipcgateway")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	modules := map[string]string{}
	for i := 0; i+1 < len(lines); i += 2 {
		modules[lines[i]] = lines[i+1]
	}
	if len(modules) < 5 {
		t.Fatalf("only %d modules: the test looks in the wrong place", len(modules))
	}
	for path, dir := range modules {
		kinds, err := licencesOf(dir)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if len(kinds) == 0 {
			t.Errorf("%s has no licence that could be recognised", path)
		}
		for _, kind := range kinds {
			if !slices.Contains(permissive, kind) {
				t.Errorf("%s is under %s", path, kind)
			}
		}
	}
}

// licencesOf names the licences in the files of a module's top folder.
func licencesOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var kinds []string
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, m := range licensecheck.Scan(text).Match {
			kinds = append(kinds, m.ID)
		}
	}
	return kinds, nil
}
