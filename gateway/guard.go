// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"os"
	"os/exec"
	"syscall"
)

// guardScript waits until its standard input ends, which is when ipcprobe does,
// however that happens; then it ends its process group, and itself with it.
const guardScript = `trap "" TERM INT HUP; read -r never; kill -TERM 0; sleep 2; kill -KILL 0`

// guard is a shell in the process group of a started target that ends the group
// should ipcprobe be killed. The kernel's own PR_SET_PDEATHSIG reaches only the
// process that we started, and not a server that a script or ipcgateway started
// in turn. Because it is a member, the group's number is not given to others.
type guard struct {
	cmd  *exec.Cmd
	hold *os.File // never written to; closed by the kernel when we end
}

// startGuard puts a guard into a process group, under the user of the target: it
// has to be allowed to end that, and nothing else. Without /bin/sh there is none:
// then PR_SET_PDEATHSIG has to do.
func startGuard(group int, as *User) (*guard, error) {
	wait, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer wait.Close()
	cmd := exec.Command("/bin/sh", "-c", guardScript)
	cmd.Dir, cmd.Env, cmd.Stdin = "/", []string{"PATH=/usr/bin:/bin"}, wait
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if as != nil {
		cmd.SysProcAttr.Credential = as.credential()
	}
	if err := cmd.Start(); err != nil {
		hold.Close()
		return nil, err
	}
	return &guard{cmd: cmd, hold: hold}, nil
}

// pid is the guard's; 0 for none.
func (g *guard) pid() int {
	if g == nil {
		return 0
	}
	return g.cmd.Process.Pid
}

// end ends the guard before it sees its input end.
func (g *guard) end() {
	if g == nil {
		return
	}
	_ = g.cmd.Process.Kill() // it may have ended: then there is nothing to do
	_ = g.cmd.Wait()
	g.hold.Close()
}
