// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// User is somebody under whom a process can be started.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary groups, as the system's files have them
	Reason   string   // why this user, for messages: "the user who called sudo"
}

// credential is what the kernel is told of the user.
func (u *User) credential() *syscall.Credential {
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
}

// LoadUsers gives those under whom the load generator should try to run, the
// best first. It runs without privileges where it can: under the user who
// called sudo (SUDO_UID, SUDO_GID), then under the owner of the socket's file,
// then under the target's user. root comes last and only where one of these is
// root; who is not root stays who he is. The caller goes on to the next one
// when the socket refuses a user (EACCES). environ looks a variable up
// (os.Getenv); socket is a path that leads to the socket's file, empty for an
// abstract one; target may be nil.
func LoadUsers(environ func(string) string, socket string, target *Target) []User {
	if uid := os.Geteuid(); uid != 0 {
		return []User{{UID: uint32(uid), GID: uint32(os.Getegid()), Reason: "the user who runs ipcprobe"}}
	}
	var list []User
	add := func(uid, gid uint32, reason string) {
		for _, u := range list {
			if u.UID == uid {
				return
			}
		}
		list = append(list, User{UID: uid, GID: gid, Groups: groupsOf(uid, gid), Reason: reason})
	}
	rootReason := ""
	consider := func(uid, gid uint32, reason string) {
		if uid == 0 {
			if rootReason == "" {
				rootReason = reason
			}
			return
		}
		add(uid, gid, reason)
	}
	if uid, gid, ok := sudoUser(environ); ok {
		consider(uid, gid, "the user who called sudo")
	}
	if uid, gid, ok := fileOwner(socket); ok {
		consider(uid, gid, "the owner of the socket")
	}
	if target != nil {
		consider(uint32(target.UID), uint32(target.GID), "the user of the target")
	}
	if nobody, err := user.Lookup("nobody"); err == nil {
		uid, uidErr := userNumber(nobody.Uid)
		gid, gidErr := userNumber(nobody.Gid)
		if uidErr == nil && gidErr == nil {
			add(uid, gid, "nobody, who owns nothing")
		}
	}
	if rootReason == "" {
		rootReason = "the user who runs ipcprobe"
	}
	return append(list, User{Reason: rootReason + ", root"})
}

// SudoUser is who called sudo; nil when nobody did, or root. Variables that name
// nobody are an error: what was to run as a user must not run as root instead.
func SudoUser(environ func(string) string) (*User, error) {
	if environ("SUDO_UID") == "" && environ("SUDO_GID") == "" {
		return nil, nil
	}
	uid, gid, ok := sudoUser(environ)
	if !ok {
		return nil, fmt.Errorf("SUDO_UID and SUDO_GID are %q and %q, which is no user; unset them, or call sudo anew", environ("SUDO_UID"), environ("SUDO_GID"))
	}
	if uid == 0 {
		return nil, nil
	}
	return &User{UID: uid, GID: gid, Groups: groupsOf(uid, gid), Reason: "the user who called sudo"}, nil
}

// sudoUser reads who called sudo. Both variables have to be there and valid.
func sudoUser(environ func(string) string) (uid, gid uint32, ok bool) {
	uid, err := userNumber(environ("SUDO_UID"))
	if err != nil {
		return 0, 0, false
	}
	gid, err = userNumber(environ("SUDO_GID"))
	return uid, gid, err == nil
}

// userNumber reads a user's or group's number. 4294967295 means "none" to the
// kernel and is refused.
func userNumber(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err == nil && n == 1<<32-1 {
		err = strconv.ErrRange
	}
	return uint32(n), err
}

func fileOwner(path string) (uid, gid uint32, ok bool) {
	if path == "" {
		return 0, 0, false
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return s.Uid, s.Gid, true
}

// groupsOf gives a user's supplementary groups, which decide about sockets that
// are open to a group only. Users that the system's files don't know have none.
func groupsOf(uid, gid uint32) []uint32 {
	groups := []uint32{gid}
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return groups
	}
	ids, err := u.GroupIds()
	if err != nil {
		return groups
	}
	for _, id := range ids {
		if g, err := userNumber(id); err == nil && g != gid {
			groups = append(groups, g)
		}
	}
	return groups
}

// userName names a user for a message.
func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return fmt.Sprintf("user %d", uid)
	}
	return "user " + Printable(u.Username)
}
