// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Holders fills in Sharers: the other processes that hold the same listening
// socket, as the workers of a server that forks do. What we are not permitted
// to look at is left out.
func (s *Socket) Holders(ctx context.Context) {
	s.Sharers = nil
	for _, h := range holders(ctx, s.Inode) {
		if h.Owner != s.Owner {
			s.Sharers = append(s.Sharers, h.Owner)
		}
	}
}

// Listeners finds the processes that listen on path, by its file: also where
// they know it by another name, in another name space. For an abstract name
// ("@name") they are found by it. The list is in the order of their PIDs and
// empty when nobody listens or nobody may be seen. Errors: *Error as CheckSocket
// gives them for a path that can't be one.
func Listeners(ctx context.Context, path string) ([]Socket, error) {
	tried := "find who listens on " + Printable(path)
	if path == "" {
		return nil, checkName(tried, path)
	}
	abstract := strings.HasPrefix(path, "@")
	var id fileID
	if !abstract {
		info, err := os.Stat(path)
		if err != nil {
			return nil, statError(tried, path, err)
		}
		if info.Mode()&os.ModeSocket == 0 {
			return nil, &Error{Reason: NotASocket, Tried: tried, Said: "this is " + kindOf(info.Mode()) + ", not a socket",
				Next: "give the path on which the server listens"}
		}
		id = fileIDOf(info)
	}
	var found []Socket
	err := everyListener(ctx, func(s Socket) {
		if abstract && s.Address == path || !abstract && s.file == id {
			found = append(found, s)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tried, err)
	}
	return found, nil
}

// holders finds every process that holds the listening socket.
func holders(ctx context.Context, inode uint64) []Socket {
	var found []Socket
	_ = everyListener(ctx, func(s Socket) { // what can't be read is left out
		if s.Inode == inode {
			found = append(found, s)
		}
	})
	return found
}

// everyListener shows each listening stream socket of each process that we may
// look at. A network name space's table is read once.
func everyListener(ctx context.Context, show func(Socket)) error {
	pids, err := processes()
	if err != nil {
		return err
	}
	tables := make(map[string]table)
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return err
		}
		space, err := os.Readlink(procPath(pid, "ns/net"))
		if err != nil {
			continue
		}
		rows, ok := tables[space]
		if !ok {
			rows = readTable(pid)
			tables[space] = rows
		}
		sockets, err := listening(ctx, pid, rows)
		if err != nil {
			continue
		}
		for _, s := range sockets {
			show(s)
		}
	}
	return nil
}

// processes lists the processes of /proc in the order of their numbers.
func processes() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// descendants lists a process's children, their children and so on, nearest
// first. It reads the stat of every process: /proc/PID/task/TID/children is not
// in every kernel.
func descendants(ctx context.Context, pid int) ([]int, error) {
	pids, err := processes()
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, p := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, err := readStat(p)
		if err != nil || s.State == 'Z' {
			continue
		}
		children[s.Parent] = append(children[s.Parent], p)
	}
	var list []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		list = append(list, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return list, nil
}
