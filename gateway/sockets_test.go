// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// dialed wants somebody to listen there.
func dialed(t *testing.T, address string) {
	t.Helper()
	c, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestSocketsOfAServer(t *testing.T) {
	tests := []struct {
		name  string
		steps []string // DIR stands for a folder
		bound string
		dial  string
	}{
		{"an absolute path", []string{"listen=DIR/a.sock"}, "DIR/a.sock", "DIR/a.sock"},
		{"a relative path", []string{"chdir=DIR", "listen=a.sock"}, "a.sock", "DIR/a.sock"},
		{"a blank and quotes", []string{"listen=DIR/a \"b\" c"}, "DIR/a \"b\" c", "DIR/a \"b\" c"},
		{"newlines", []string{"listen=DIR/a\nb\n\n"}, "DIR/a\nb\n\n", "DIR/a\nb\n\n"},
		{"escape sequences", []string{"listen=DIR/\x1b[31m\xff"}, "DIR/\x1b[31m\xff", "DIR/\x1b[31m\xff"},
		{"an abstract name", []string{"listen=@DIR abstract"}, "@DIR abstract", "@DIR abstract"},
		{"a file whose name begins with @", []string{"chdir=DIR", "listen=./@a"}, "./@a", "DIR/@a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := shortDir(t)
			in := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
			var steps []string
			for _, s := range tt.steps {
				steps = append(steps, in(s))
			}
			s := run(t, append(steps, "ready", "wait")...)
			target := s.target(t)
			found, err := target.Sockets(t.Context())
			if err != nil || len(found) != 1 {
				t.Fatalf("found %+v, %v", found, err)
			}
			got, err := Choose(found, "", target)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != in(tt.bound) || got.Address != in(tt.dial) || got.Problem != "" || got.Owner != target.PID || got.Type != Stream {
				t.Errorf("got %+v", got)
			}
			dialed(t, got.Address)
			if text := got.String(); strings.ContainsAny(text, "\n\x1b") || !utf8.ValidString(text) {
				t.Errorf("would reach the terminal as it is: %q", text)
			}
			if err := CheckSocket(t.Context(), got.Address); err != nil {
				t.Error(err)
			}
			who, err := Listeners(t.Context(), got.Address)
			if err != nil || len(who) != 1 || who[0].Owner != target.PID {
				t.Errorf("listeners: %+v, %v", who, err)
			}
		})
	}
}

func TestStreamSocketsAreChosenBeforeThoseOfMessages(t *testing.T) {
	dir := shortDir(t)
	s := run(t, "datagram="+dir+"/d", "seqpacket="+dir+"/p", "listen="+dir+"/s", "ready", "wait")
	target := s.target(t)
	found, err := target.Sockets(t.Context())
	if err != nil || len(found) != 3 {
		t.Fatalf("found %+v, %v", found, err)
	}
	got, err := Choose(found, "", target)
	if err != nil || got.Address != dir+"/s" {
		t.Errorf("chose %+v, %v", got, err)
	}
	for name, kind := range map[string]SocketType{"/p": SeqPacket, "/d": Datagram} {
		if got, err := Choose(found, dir+name, target); err != nil || got.Address != dir+name || got.Type != kind {
			t.Errorf("%s: chose %+v, %v", name, got, err)
		}
	}
	_, err = Choose(found, dir+"/x", target)
	checkError(t, err, NoSocket, "does not listen on", dir+"/s", "seqpacket", "datagram")
}

func TestChooseRefuses(t *testing.T) {
	dir := shortDir(t)
	none := run(t, "ready", "wait").target(t)
	_, err := Choose(nil, "", none)
	checkError(t, err, NoSocket, "no Unix socket", strconv.Itoa(none.PID))
	_, err = Choose(nil, dir+"/x", none)
	checkError(t, err, NoSocket, "no Unix socket", dir+"/x")

	packets := run(t, "seqpacket="+dir+"/p", "ready", "wait").target(t)
	found, err := packets.Sockets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Choose(found, "", packets); err != nil || got.Type != SeqPacket {
		t.Errorf("of a seqpacket socket alone: chose %+v, %v", got, err)
	}

	two := run(t, "listen="+dir+"/a", "listen="+dir+"/b", "listen=@"+dir+"c", "ready", "wait").target(t)
	if found, err = two.Sockets(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = Choose(found, "", two)
	checkError(t, err, Ambiguous, "3 sockets", dir+"/a", dir+"/b", "@"+dir+"c", "--socket")
	_, err = Choose(found, dir+"/none", two)
	checkError(t, err, NoSocket, dir+"/none", dir+"/a", dir+"/b")
	for _, wanted := range []string{dir + "/b", "@" + dir + "c"} {
		if got, err := Choose(found, wanted, two); err != nil || got.Address != wanted {
			t.Errorf("wanted %s, got %+v, %v", wanted, got, err)
		}
	}
}

func TestWantedSocketByAnotherName(t *testing.T) {
	dir := shortDir(t)
	s := run(t, "listen="+dir+"/a", "listen="+dir+"/b", "ready", "wait")
	for from, to := range map[string]string{dir + "/link": dir + "/b", dir + "/folder": dir} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(dir+"/b", dir+"/hard"); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	target := s.target(t)
	found, err := target.Sockets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"b", "./b", dir + "/link", dir + "/folder/b", dir + "/hard", dir + "//b", "../" + filepath.Base(dir) + "/b"} {
		if got, err := Choose(found, wanted, target); err != nil || got.Address != dir+"/b" {
			t.Errorf("wanted %s, got %+v, %v", wanted, got, err)
		}
	}
}

func TestSocketThatNoShortPathReaches(t *testing.T) {
	dir := shortDir(t)
	deep := filepath.Join(dir, strings.Repeat("d", 120))
	if err := os.Mkdir(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	s := run(t, "chdir="+deep, "listen=a.sock", "ready", "wait")
	found, err := s.target(t).Sockets(t.Context())
	if err != nil || len(found) != 1 {
		t.Fatalf("found %+v, %v", found, err)
	}
	if found[0].Address != "" || !strings.Contains(found[0].Problem, "more than 107") {
		t.Errorf("got %+v", found[0])
	}
	file, err := found[0].OpenSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dialed(t, "/proc/self/fd/"+strconv.Itoa(int(file.Fd())))
}

func TestSocketWhoseFileIsGone(t *testing.T) {
	dir := shortDir(t)
	s := run(t, "listen="+dir+"/a", "remove="+dir+"/a", "ready", "line", "listen="+dir+"/b", "ready", "wait")
	target := s.target(t)
	found, err := target.Sockets(t.Context())
	if err != nil || len(found) != 1 {
		t.Fatalf("found %+v, %v", found, err)
	}
	if found[0].Address != "" || !strings.Contains(found[0].Problem, "removed") {
		t.Errorf("got %+v", found[0])
	}
	if _, err := found[0].OpenSocket(); err == nil {
		t.Error("opened it")
	}
	for _, wanted := range []string{"", dir + "/a"} {
		_, err := Choose(found, wanted, target)
		checkError(t, err, NoSocket, dir+"/a", "its file was removed", "restart")
	}
	s.next(t)
	s.awaitReady(t)
	if found, err = target.Sockets(t.Context()); err != nil || len(found) != 2 {
		t.Fatalf("found %+v, %v", found, err)
	}
	if got, err := Choose(found, "", target); err != nil || got.Address != dir+"/b" {
		t.Errorf("chose %+v, %v", got, err)
	}
}

// A server that replaces its own socket keeps the old one open: the path leads
// to the new one.
func TestSocketThatWasBoundAgain(t *testing.T) {
	dir := shortDir(t)
	s := run(t, "listen="+dir+"/a", "remove="+dir+"/a", "listen="+dir+"/a", "ready", "wait")
	target := s.target(t)
	found, err := target.Sockets(t.Context())
	if err != nil || len(found) != 2 {
		t.Fatalf("found %+v, %v", found, err)
	}
	got, err := Choose(found, "", target)
	if err != nil || got.Inode != max(found[0].Inode, found[1].Inode) {
		t.Errorf("chose %+v, %v", got, err)
	}
}

func TestSharedSocketNamesItsHolders(t *testing.T) {
	dir := shortDir(t)
	s := run(t, "listen="+dir+"/a", "worker", "worker", "ready", "wait")
	target := s.target(t)
	found, err := target.Sockets(t.Context())
	if err != nil || len(found) != 1 {
		t.Fatalf("found %+v, %v", found, err)
	}
	children, err := descendants(t.Context(), s.Process.Pid)
	if err != nil || len(children) != 2 {
		t.Fatalf("children %v, %v", children, err)
	}
	found[0].Holders(t.Context())
	slices.Sort(children)
	if !slices.Equal(found[0].Sharers, children) {
		t.Errorf("shared with %v, want %v", found[0].Sharers, children)
	}
}

// The target lives in its own root: its absolute links lead there, not here.
func TestSocketInAnotherRoot(t *testing.T) {
	kerneltest.Root(t)
	dir := shortDir(t)
	if err := os.MkdirAll(dir+"/jail/real", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/real", dir+"/jail/run"); err != nil {
		t.Fatal(err)
	}
	s := run(t, "chroot="+dir+"/jail", "listen=/run/a.sock", "ready", "wait")
	found, err := s.target(t).Sockets(t.Context())
	if err != nil || len(found) != 1 {
		t.Fatalf("found %+v, %v", found, err)
	}
	file, err := found[0].OpenSocket()
	if err != nil {
		t.Fatalf("%v: %+v", err, found[0])
	}
	defer file.Close()
	dialed(t, "/proc/self/fd/"+strconv.Itoa(int(file.Fd())))
	got, err := Choose(found, dir+"/jail/real/a.sock", s.target(t))
	if err != nil || got.Address != dir+"/jail/real/a.sock" {
		t.Errorf("chose %+v, %v", got, err)
	}
	who, err := Listeners(t.Context(), dir+"/jail/real/a.sock")
	if err != nil || len(who) != 1 || who[0].Owner != s.Process.Pid {
		t.Errorf("listeners %+v, %v", who, err)
	}
}

func TestCheckSocketRefuses(t *testing.T) {
	dir := shortDir(t)
	if err := os.WriteFile(dir+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/nowhere", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	run(t, "datagram="+dir+"/d", "seqpacket="+dir+"/p", "ready", "wait")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/left"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	tests := []struct {
		name, path string
		reason     Reason
		said       string
	}{
		{"nothing", "", Invalid, "empty"},
		{"an abstract nothing", "@", Invalid, "empty"},
		{"a NUL", "a\x00b", Invalid, "NUL"},
		{"107 bytes that are not there", "/" + strings.Repeat("x", 106), NotFound, "no such file"},
		{"108 bytes", "/" + strings.Repeat("x", 107), TooLong, "108 bytes"},
		{"a file that is not there", dir + "/none", NotFound, "start the server"},
		{"a folder that is not there", dir + "/no/sock", NotFound, "no folder " + dir + "/no"},
		{"a link to nowhere", dir + "/link", NotFound, "no such file"},
		{"a path through a file", dir + "/file/sock", Unreadable, "not a directory"},
		{"a regular file", dir + "/file", NotASocket, "a regular file"},
		{"a folder", dir, NotASocket, "a folder"},
		{"a pipe", dir + "/pipe", NotASocket, "a named pipe"},
		{"a device", "/dev/null", NotASocket, "a device"},
		{"a socket that was left behind", dir + "/left", NotListening, "nobody listens"},
		{"an abstract name that nobody has", "@" + dir, NotListening, "nobody listens"},
	}
	for _, name := range []string{"/d", "/p"} {
		if err := CheckSocket(t.Context(), dir+name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkError(t, CheckSocket(t.Context(), tt.path), tt.reason, tt.said)
		})
	}
}

func TestCheckSocketWithoutTheRight(t *testing.T) {
	if path := os.Getenv("GATEWAY_TEST_SOCKET"); path != "" {
		checkError(t, CheckSocket(t.Context(), path), Forbidden, "permission denied", "ls -l")
		return
	}
	kerneltest.Root(t)
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "listen="+dir+"/a", "ready", "wait")
	if err := os.Chmod(dir+"/a", 0o700); err != nil {
		t.Fatal(err)
	}
	asOther(t, "TestCheckSocketWithoutTheRight", "GATEWAY_TEST_SOCKET="+dir+"/a")
}
