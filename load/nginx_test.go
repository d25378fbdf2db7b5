// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// startNginx starts nginx in front, on a Unix socket and nothing else, as a process
// of its own with a configuration of its own. It answers what body of a location
// says, and logs each answer's status to a file: what it says it did.
func startNginx(t *testing.T, location string) (socket, log string) {
	t.Helper()
	program := kerneltest.Tool(t, "nginx")
	dir, err := os.MkdirTemp("", "nginx") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, log = filepath.Join(dir, "s"), filepath.Join(dir, "log")
	config := fmt.Sprintf(`
daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error;
events { worker_connections 256; }
http {
  log_format status '$status $request_length $body_bytes_sent'; access_log %[1]s/log status;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000; client_max_body_size 8m;
  server { listen unix:%[1]s/s; location / { %[2]s } }
}`, dir, location)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := peer.Launch(t, program, "-p", dir, "-e", filepath.Join(dir, "error"), "-c", filepath.Join(dir, "conf"))
	t.Cleanup(func() { p.Stop() }) // before its folder is removed
	for range 500 {
		if _, err := os.Stat(socket); err == nil {
			return socket, log
		}
		time.Sleep(20 * time.Millisecond)
	}
	said, _ := os.ReadFile(filepath.Join(dir, "error"))
	t.Fatalf("nginx is not ready:\n%s%s", p.Output(), said)
	return "", ""
}

// statuses counts the lines of nginx's log by status. It writes the last of them
// after the answer.
func statuses(t *testing.T, log string, want int64) map[string]int64 {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		count, all := map[string]int64{}, int64(0)
		for line := range strings.Lines(string(text)) {
			status, _, _ := strings.Cut(line, " ")
			count[status]++
			all++
		}
		if all >= want || time.Now().After(deadline) {
			return count
		}
	}
}

// TestEveryAnswerOfNginxIsCountedAndChecked: nginx's own log has as many answers of
// each status as the load has good ones and errors, on one connection and many,
// pipelined and not, with bodies short and long, with and without a length given.
func TestEveryAnswerOfNginxIsCountedAndChecked(t *testing.T) {
	long := strings.Repeat("all work and no play ", 100)
	for _, tt := range []struct {
		name, location string
		shape          func(*Options)
		good           bool
		status         string
	}{
		{"short answers", "return 200 'hello\n';", func(o *Options) {}, true, "200"},
		{"pipelined", "return 200 'hello\n';", func(o *Options) { o.Connections, o.Pipeline = 16, 8 }, true, "200"},
		{"long answers", "return 200 '" + long + "';", func(o *Options) { o.Pipeline = 3 }, true, "200"},
		{"no content", "return 204;", func(o *Options) {}, true, "204"},
		{"an open loop", "return 200 'hello\n';", func(o *Options) { o.Rate = "5000" }, true, "200"},
		{"two threads", "return 200 'hello\n';", func(o *Options) { o.Threads = 2 }, true, "200"},
		{"errors", "return 503 'go away\n';", func(o *Options) { o.MaxErrors = 100 }, false, "503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Defaults()
			var log string
			o.Socket, log = startNginx(t, tt.location)
			o.Protocol, o.Requests, o.Warmup, o.Duration = "http", 3000, 0, 30*time.Second
			tt.shape(&o)
			s, err := Run(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			all := o.Requests + 1 // with the one that nginx was tried with
			c, counted := s.Totals.Counts, s.Totals.Counts.OK
			if !tt.good {
				counted = c.Error
			}
			if c.Sent != all || counted != all {
				t.Errorf("counted %+v, want %d sent and answered", c, all)
			}
			if logged := statuses(t, log, all); logged[tt.status] != all || len(logged) != 1 {
				t.Errorf("nginx logged %v, want %d of %s", logged, all, tt.status)
			}
			for word := range s.Totals.Answers {
				if !strings.Contains(word, tt.status) {
					t.Errorf("an error answer is told as %q, want its status %s", word, tt.status)
				}
			}
			if !tt.good && len(s.Totals.Answers) == 0 {
				t.Errorf("no word of the %s", strconv.Quote(tt.status))
			}
		})
	}
}
