// SPDX-License-Identifier: Apache-2.0

package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// .ci/deps is run here on machines that are made up: a PATH of a few tools and
// of package managers that only write down how they were called.
func TestDepsInstallsThroughTheSystemsPackageManager(t *testing.T) {
	for _, row := range []struct {
		name     string
		managers []string
		fails    bool     // the package manager does
		exit     int      // of .ci/deps
		calls    []string // each in one line of what the managers were asked
		says     string   // in standard error
	}{
		{name: "Debian", managers: []string{"apt-get"},
			calls: []string{"apt-get", "install -y --no-install-recommends", "strace bpftool redis-server"}},
		{name: "Fedora", managers: []string{"dnf"}, calls: []string{"dnf install -y strace bpftool redis"}},
		{name: "Arch", managers: []string{"pacman"}, calls: []string{"pacman -S --noconfirm --needed strace bpf valkey"}},
		{name: "apt before others", managers: []string{"pacman", "apt-get"}, calls: []string{"apt-get"}},
		{name: "a package manager that fails twice", managers: []string{"apt-get"}, fails: true, exit: 1,
			calls: []string{"update"}, says: "no such mirror"},
		{name: "no package manager known", exit: 2, says: "strace bpftool redis-server"},
	} {
		t.Run(row.name, func(t *testing.T) {
			machine := bareMachine(t, "bash", "dirname", "id", "mktemp", "rm", "cat", "awk", "env")
			log := filepath.Join(machine, "log")
			for _, manager := range row.managers {
				script := "#!/bin/sh\necho " + manager + " \"$@\" >>" + log + "\n"
				if row.fails {
					script += "echo no such mirror >&2\nexit 1\n"
				}
				write(t, filepath.Join(machine, manager), script)
			}
			write(t, filepath.Join(machine, "sudo"), "#!/bin/sh\n[ \"$1\" = -- ] && shift\nexec \"$@\"\n")

			exit, stderr := deps(t, machine, "", "test")
			if exit != row.exit {
				t.Errorf("exit code %d, want %d; it said:\n%s", exit, row.exit, stderr)
			}
			if !strings.Contains(stderr, row.says) {
				t.Errorf("said %q, want %q in it", stderr, row.says)
			}
			calls, _ := os.ReadFile(log)
			for _, call := range row.calls {
				if !strings.Contains(string(calls), call) {
					t.Errorf("package managers were asked:\n%swant %q in it", calls, call)
				}
			}
		})
	}
}

func TestDepsIsSilentWhenNothingIsMissing(t *testing.T) {
	machine := bareMachine(t, "bash", "awk")
	for _, tool := range append(toolsOf(t, "test"), "apt-get") {
		write(t, filepath.Join(machine, tool), "#!/bin/sh\necho "+tool+" was called >&2\nexit 1\n")
	}
	if exit, stderr := deps(t, machine, "", "test"); exit != 0 || stderr != "" {
		t.Errorf("exit code %d, said %q; want 0 and nothing", exit, stderr)
	}
}

// toolsOf are the programs that a group asks for, by the table of deps itself.
func toolsOf(t *testing.T, group string) []string {
	t.Helper()
	script, err := os.ReadFile("../.ci/deps")
	if err != nil {
		t.Fatal(err)
	}
	var tools []string
	for line := range strings.Lines(string(script)) {
		columns := strings.Fields(line)
		if len(columns) > 1 && columns[0] == group {
			if tool, is := strings.CutPrefix(columns[1], "command:"); is {
				tools = append(tools, tool)
			}
		}
	}
	if len(tools) == 0 {
		t.Fatalf("deps asks for no program in group %s", group)
	}
	return tools
}

func TestDepsRefusesWhatItDoesNotKnow(t *testing.T) {
	machine := bareMachine(t, "bash", "awk")
	for _, row := range []struct {
		name, check string
		groups      []string
		says        string
	}{
		{"no group", "", nil, "usage"},
		{"an unknown group", "", []string{"tests"}, "no such group: tests"},
		{"missing, and told only to look", "check", []string{"lint"}, "clang-format"},
	} {
		t.Run(row.name, func(t *testing.T) {
			exit, stderr := deps(t, machine, row.check, row.groups...)
			if exit != 2 || !strings.Contains(stderr, row.says) {
				t.Errorf("exit code %d, said %q; want 2 and %q", exit, stderr, row.says)
			}
		})
	}
}

// bareMachine makes a folder with links to the named tools of this machine, to
// be all of a PATH.
func bareMachine(t *testing.T, tools ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, tool := range tools {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(folder, tool)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func write(t *testing.T, path, script string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// deps runs .ci/deps with nothing but the machine's PATH. The folders that it
// looks through for administrators' tools are left out of it.
func deps(t *testing.T, machine, check string, groups ...string) (exit int, stderr string) {
	t.Helper()
	command := exec.Command("bash", append([]string{"../.ci/deps"}, groups...)...)
	command.Env = []string{"PATH=" + machine, "IPCPROBE_DEPS=" + check, "IPCPROBE_SBIN=" + machine}
	var said strings.Builder
	command.Stderr = &said
	if err := command.Run(); err != nil {
		if _, exited := err.(*exec.ExitError); !exited {
			t.Fatal(err)
		}
	}
	return command.ProcessState.ExitCode(), said.String()
}

// .ci/as-root is run as somebody whom id takes for an ordinary user.
func TestAsRootGoesThroughSudoOrSaysWhatToDo(t *testing.T) {
	for _, row := range []struct {
		name, user string
		sudo       bool
		exit       int
		says       string
	}{
		{name: "root", user: "0", says: "probe=a b"},
		{name: "a user with sudo", user: "1000", sudo: true, says: "sudo probe=a b"},
		{name: "a user without", user: "1000", exit: 2, says: "run this as root: sh -c"},
	} {
		t.Run(row.name, func(t *testing.T) {
			machine := bareMachine(t, "bash", "env", "sh")
			write(t, filepath.Join(machine, "id"), "#!/bin/sh\necho "+row.user+"\n")
			if row.sudo {
				// Like the real one it hands on nothing of the caller's environment.
				write(t, filepath.Join(machine, "sudo"), "#!/bin/sh\nprintf 'sudo '\nshift\nexec env -i \"$@\"\n")
			}
			command := exec.Command("bash", "../.ci/as-root", "sh", "-c", `printf 'probe=%s' "$IPCPROBE_TEST"`)
			command.Env = []string{"PATH=" + machine, "IPCPROBE_TEST=a b"}
			out, err := command.CombinedOutput()
			if command.ProcessState == nil {
				t.Fatal(err)
			}
			if got := command.ProcessState.ExitCode(); got != row.exit || !strings.Contains(string(out), row.says) {
				t.Errorf("exit code %d, said %q; want %d and %q", got, out, row.exit, row.says)
			}
		})
	}
}
