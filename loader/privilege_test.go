// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatAnAdministratorForbids(t *testing.T) {
	const lockdown, pointers = "/sys/kernel/security/lockdown", "/proc/sys/kernel/kptr_restrict"
	for name, c := range map[string]struct {
		files map[string]string
		fails string // the check that does, and its remedy
	}{
		"nothing is there":  {nil, ""},
		"nothing forbidden": {map[string]string{lockdown: "[none] integrity confidentiality\n", pointers: "0\n"}, ""},
		"integrity":         {map[string]string{lockdown: "none [integrity] confidentiality\n", pointers: "1\n"}, ""},
		"confidentiality": {map[string]string{lockdown: "none integrity [confidentiality]\n"},
			"kernel lockdown: boot without lockdown=confidentiality"},
		"no pointers at all": {map[string]string{pointers: "2\n"}, "kernel.kptr_restrict: sysctl kernel.kptr_restrict=1"},
	} {
		t.Run(name, func(t *testing.T) {
			checks := examineSettings(func(path string) ([]byte, error) {
				if text, ok := c.files[path]; ok {
					return []byte(text), nil
				}
				return nil, fs.ErrNotExist
			})
			var failed []string
			for _, check := range checks {
				if !check.Works {
					failed = append(failed, check.Name+": "+check.Remedy)
					if check.Detail == "" || check.Gives == "" {
						t.Errorf("%+v does not say what it found, or what that costs", check)
					}
				}
			}
			if got := strings.Join(failed, ", "); got != c.fails {
				t.Errorf("failed %q, want %q", got, c.fails)
			}
		})
	}
}

func TestSamplingThatIsRefusedNamesTheSetting(t *testing.T) {
	for text, want := range map[string]string{"4\n": "perf_event_paranoid is 4", "3\n": "perf_event_paranoid is 3", "2\n": "grant CAP_PERFMON", "": "grant CAP_PERFMON"} {
		read := func(string) ([]byte, error) {
			if text == "" {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		}
		if got := samplingRemedy(read); !strings.Contains(got, want) || !strings.Contains(got, "--profile-hz 0") {
			t.Errorf("at %q: %q lacks %q", text, got, want)
		}
	}
}

func TestEachPrivilegeIsLookedFor(t *testing.T) {
	for _, p := range privileges {
		admin := uint64(1) << unix.CAP_SYS_ADMIN
		if !p.heldIn(1<<p.bit) || p.heldIn(^(admin | 1<<p.bit)) || p.heldIn(admin) != (p.covered || p.bit == unix.CAP_SYS_ADMIN) {
			t.Errorf("%s is not told from the others", p.name)
		}
		if p.costs == "" || p.remedy() == "" {
			t.Errorf("%s: what its lack costs, or what to do, is missing", p.name)
		}
	}
}
