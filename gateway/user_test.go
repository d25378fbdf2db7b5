// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"os"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

func TestLoadUsers(t *testing.T) {
	kerneltest.Root(t)
	dir := shortDir(t)
	mine, theirs := dir+"/root", dir+"/other"
	for _, path := range []string{mine, theirs} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(theirs, 65530, 65531); err != nil {
		t.Fatal(err)
	}
	target := &Target{UID: 65520, GID: 65521}
	tests := []struct {
		name     string
		uid, gid string
		socket   string
		target   *Target
		want     []uint32 // those before nobody and root
		last     string   // why root
	}{
		{"sudo first", "65510", "65511", theirs, target, []uint32{65510, 65530, 65520}, "runs ipcprobe"},
		{"no sudo", "", "", theirs, target, []uint32{65530, 65520}, "runs ipcprobe"},
		{"root's own socket", "65510", "65511", mine, nil, []uint32{65510}, "the owner of the socket, root"},
		{"root called sudo", "0", "0", theirs, nil, []uint32{65530}, "called sudo, root"},
		{"half a sudo", "65510", "", "", nil, nil, "runs ipcprobe"},
		{"no user", "4294967295", "0", "", nil, nil, "runs ipcprobe"},
		{"not a number", "-1", "0", "", nil, nil, "runs ipcprobe"},
		{"one user in three roles", "65530", "65531", theirs, &Target{UID: 65530}, []uint32{65530}, "runs ipcprobe"},
		{"a socket that is gone", "65510", "65511", dir + "/none", nil, []uint32{65510}, "runs ipcprobe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			environ := func(name string) string { return map[string]string{"SUDO_UID": tt.uid, "SUDO_GID": tt.gid}[name] }
			got := LoadUsers(environ, tt.socket, tt.target)
			last := got[len(got)-1]
			if last.UID != 0 || !strings.Contains(last.Reason, tt.last) {
				t.Errorf("last is %+v", last)
			}
			for i, uid := range tt.want {
				if got[i].UID != uid || got[i].Reason == "" || len(got[i].Groups) == 0 || got[i].Groups[0] != got[i].GID {
					t.Errorf("number %d is %+v, want user %d", i, got[i], uid)
				}
			}
			for _, u := range got[len(tt.want) : len(got)-1] {
				if !strings.Contains(u.Reason, "nobody") {
					t.Errorf("not expected: %+v", u)
				}
			}
		})
	}
}

func TestLoadUsersWithoutRoot(t *testing.T) {
	if os.Getenv("GATEWAY_TEST_USERS") == "" && os.Geteuid() == 0 {
		asOther(t, "TestLoadUsersWithoutRoot", "GATEWAY_TEST_USERS=1")
		return
	}
	got := LoadUsers(func(string) string { return "0" }, "", nil)
	if len(got) != 1 || int(got[0].UID) != os.Geteuid() {
		t.Errorf("got %+v", got)
	}
}
