// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// world is what a vigil under test believes.
type world struct {
	state byte
	gone  bool
	exec  bool
	gap   time.Duration
	cpus  string
	at    time.Time
}

func (w *world) senses() senses {
	return senses{
		state: func() (byte, error) {
			if w.gone {
				return 0, errors.New("gone")
			}
			return w.state, nil
		},
		exec:   func() (bool, error) { return w.exec, nil },
		clocks: func() (time.Duration, bool) { return w.gap, true },
		cpus:   func() (string, error) { return w.cpus, nil },
		now:    func() time.Time { return w.at },
	}
}

func TestAVigilTellsWhatItSaw(t *testing.T) {
	for _, c := range []struct {
		name  string
		turns []func(*world)
		want  string // in the one sentence; empty: none
	}{
		{"nothing", []func(*world){func(*world) {}}, ""},
		{"the wall clock is stepped", []func(*world){func(w *world) { w.at = w.at.Add(24 * time.Hour) }, func(w *world) { w.at = w.at.Add(-48 * time.Hour) }}, ""},
		{"stopped for two looks", []func(*world){
			func(w *world) { w.state = 'T' }, func(w *world) {}, func(w *world) {}, func(w *world) { w.state = 'S' },
		}, "stopped (SIGSTOP, a debugger or a frozen job) once, for 300ms"},
		{"stopped twice", []func(*world){
			func(w *world) { w.state = 'T' }, func(w *world) { w.state = 'R' }, func(w *world) { w.state = 'T' }, func(w *world) { w.state = 'R' },
		}, "2 times"},
		{"traced, and halted at each call", []func(*world){
			func(w *world) { w.state = 't' }, func(w *world) { w.state = 't' }, func(w *world) { w.state = 'R' }, func(w *world) { w.state = 't' },
		}, ""},
		{"stopped by a debugger", append(slices.Repeat([]func(*world){func(w *world) { w.state = 't' }}, 12), func(w *world) { w.state = 'R' }), "once, for 300ms"},
		{"another program", []func(*world){func(w *world) { w.exec = true }}, "another program (exec)"},
		{"suspended", []func(*world){func(w *world) { w.gap += 3 * time.Second }}, "suspended for 3s"},
		{"clocks that are read apart", []func(*world){func(w *world) { w.gap += time.Millisecond }, func(w *world) { w.gap -= 2 * time.Millisecond }}, ""},
		{"a CPU went and came back", []func(*world){func(w *world) { w.cpus = "0" }, func(w *world) { w.cpus = "0-1" }}, "0-1 were online, then 0"},
		{"ended", []func(*world){func(w *world) { w.gone, w.exec = true, true }}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{state: 'S', gap: time.Hour, cpus: "0-1", at: time.Unix(1e9, 0)}
			v := newVigil(w.senses())
			for _, turn := range c.turns {
				w.at = w.at.Add(vigilPace)
				turn(w)
				v.look()
			}
			got := v.Disturbances()
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}

func TestATargetThatIsStillStoppedIsNamed(t *testing.T) {
	w := &world{state: 'T', cpus: "0", at: time.Unix(1e9, 0)}
	got := strings.Join(newVigil(w.senses()).Disturbances(), "\n")
	if !strings.Contains(got, "kill -CONT") {
		t.Errorf("said %q", got)
	}
}

func TestAVigilSeesAProcessThatIsStoppedAndOneThatExecs(t *testing.T) {
	c := exec.Command("sh", "-c", "read line; exec sleep 60")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	target, err := Inspect(context.Background(), c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	v := StartVigil(target)
	defer v.Close()
	saw := func(want string) {
		t.Helper()
		for range 200 {
			if strings.Contains(strings.Join(v.Disturbances(), "\n"), want) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("never saw %q, only %q", want, v.Disturbances())
	}
	if said := v.Disturbances(); len(said) > 0 {
		t.Errorf("nothing has happened, but it says %q", said)
	}
	if err := syscall.Kill(c.Process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	saw("was stopped")
	if err := syscall.Kill(c.Process.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	saw("another program")
}
