// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Sockets finds the Unix sockets on which the target listens, of all types, in
// the order of their names. Errors are *Error: Ended, Forbidden. A target that
// listens on none gives an empty list; Choose says so to the user.
func (t *Target) Sockets(ctx context.Context) ([]Socket, error) {
	tried := fmt.Sprintf("find the sockets of process %d (%s)", t.PID, Printable(t.Name))
	found, err := listening(ctx, t.PID, readTable(t.PID))
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", tried, err)
		}
		return nil, t.endedOr(tried, err)
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	return found, nil
}

// table is the listening sockets of a network name space by inode.
type table map[uint64]unixRow

// readTable gives the table of a process's network name space. A socket that
// was handed over from another name space is looked for in ours.
func readTable(pid int) table {
	all := make(table)
	for _, who := range []int{os.Getpid(), pid} {
		text, err := readProc(who, "net/unix")
		if err != nil {
			continue
		}
		for inode, row := range listeningRows(parseUnixTable(text)) {
			all[inode] = row
		}
	}
	return all
}

// listening finds the sockets of a table that a process holds.
func listening(ctx context.Context, pid int, rows table) ([]Socket, error) {
	held, err := socketInodes(ctx, pid)
	if err != nil {
		return nil, err
	}
	var found []Socket
	for inode, fd := range held {
		row, ok := rows[inode]
		if !ok {
			continue
		}
		s := Socket{Owner: pid, FD: fd, Inode: inode, Type: row.Type, Name: row.Name}
		locate(&s)
		found = append(found, s)
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].Name != found[j].Name {
			return found[i].Name < found[j].Name
		}
		return found[i].Inode < found[j].Inode
	})
	return found, nil
}

// socketInodes lists the sockets among a process's descriptors: inode to the
// lowest descriptor.
func socketInodes(ctx context.Context, pid int) (map[uint64]int, error) {
	dir, err := os.Open(procPath(pid, "fd"))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	held := make(map[uint64]int)
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			fd, numberErr := strconv.Atoi(name)
			link, linkErr := os.Readlink(dir.Name() + "/" + name)
			if numberErr != nil || linkErr != nil { // closed meanwhile
				continue
			}
			inode, ok := socketInode(link)
			if !ok {
				continue
			}
			if first, again := held[inode]; !again || fd < first {
				held[inode] = fd
			}
		}
		if len(names) == 0 || err != nil {
			if gone(err) {
				return nil, err
			}
			return held, nil // io.EOF
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// socketInode reads "socket:[123]".
func socketInode(link string) (uint64, bool) {
	number, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	number, ok = strings.CutSuffix(number, "]")
	if !ok {
		return 0, false
	}
	return decimal([]byte(number))
}

// locate finds the socket's file from the owner's own root and working folder
// and, where one exists, the path that leads there from ours.
func locate(s *Socket) {
	switch {
	case s.Name == "":
		s.Problem = "two rows of /proc/net/unix claim it; name it with --socket"
		return
	case strings.HasPrefix(s.Name, "@"):
		locateAbstract(s)
		return
	}
	file, err := openOwners(s.Owner, s.Name)
	if err != nil {
		s.Problem = fmt.Sprintf("its file can't be reached: %s", systemSaid(err))
		if gone(err) {
			s.Problem = "its file was removed"
		}
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		s.Problem = "its file was replaced by something else"
		return
	}
	s.file = fileIDOf(info)
	s.address()
}

// locateAbstract is for a name that begins with '@': an abstract one, or, where
// such a file exists in the owner's working folder, a relative path.
func locateAbstract(s *Socket) {
	if file, err := openOwners(s.Owner, s.Name); err == nil {
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeSocket != 0 {
			s.file = fileIDOf(info)
			s.address()
			return
		}
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	theirs, theirErr := os.Readlink(procPath(s.Owner, "ns/net"))
	if err == nil && theirErr == nil && ours != theirs {
		s.Problem = "an abstract name in another network name space; enter it with nsenter -n"
		return
	}
	s.Address = s.Name
}

// address looks for an ordinary path of ours that leads to the socket's file.
func (s *Socket) address() {
	candidates := []string{s.Name}
	if !filepath.IsAbs(s.Name) {
		cwd, err := os.Readlink(procPath(s.Owner, "cwd"))
		if err != nil {
			s.Problem = "its folder can't be told: " + systemSaid(err)
			return
		}
		candidates[0] = filepath.Join(cwd, s.Name)
	}
	if root, err := os.Readlink(procPath(s.Owner, "root")); err == nil && root != "/" {
		candidates = append(candidates, filepath.Join(root, s.Name)) // chroot
	}
	for _, path := range candidates {
		if id, err := fileOf(path); err != nil || id != s.file {
			continue
		}
		if len(path) > MaxPath {
			s.Problem = fmt.Sprintf("its path has %d bytes from here, more than %d", len(path), MaxPath)
			continue
		}
		s.Address, s.Problem = path, ""
		return
	}
	if s.Problem == "" {
		s.Problem = "it lies in the file system of another container"
	}
}

// OpenSocket opens the socket's file (O_PATH) without connecting, resolved in
// the owner's own root and working folder. A process that inherits it as
// descriptor N can connect to "/proc/self/fd/N", also where Address is empty:
// with a path that is too long, or in a container. The socket's own permission
// bits still count. Fails for abstract names and for files that were removed.
func (s *Socket) OpenSocket() (*os.File, error) {
	tried := "open socket " + s.String()
	if s.Abstract() || s.file == (fileID{}) {
		return nil, &Error{Reason: NotASocket, Tried: tried, Said: "it has no file",
			Next: "restart the server so that it makes its socket again"}
	}
	file, err := openOwners(s.Owner, s.Name)
	if err != nil {
		return nil, processError(tried, s.Owner, err)
	}
	info, err := file.Stat()
	if err != nil || fileIDOf(info) != s.file {
		return nil, errors.Join(&Error{Reason: Ended, Tried: tried, Err: err,
			Said: "its file was replaced meanwhile", Next: "measure again"}, file.Close())
	}
	return file, nil
}

// openOwners opens a path (O_PATH) as a process would: absolute from its root,
// relative from its working folder. Links inside are followed as the process
// would follow them, never out of its root.
func openOwners(pid int, path string) (*os.File, error) {
	folder := procPath(pid, "cwd")
	if filepath.IsAbs(path) {
		folder = procPath(pid, "root")
	}
	dir, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: folder, Err: err}
	}
	defer unix.Close(dir)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC}
	if filepath.IsAbs(path) {
		how.Resolve = unix.RESOLVE_IN_ROOT
	}
	fd, err := unix.Openat2(dir, path, &how)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // before 5.6, or a seccomp filter
		fd, err = unix.Openat(dir, strings.TrimLeft(path, "/"), unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
