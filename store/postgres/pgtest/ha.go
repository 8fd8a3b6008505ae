//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http" //nolint:depguard // Patroni is asked over it, no store is
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// HA is three PostgreSQL servers under Patroni, which agree over an etcd who of
// them takes writes. All of it is on this machine.
type HA struct {
	Servers [3]*Server

	dir   string
	bin   string
	who   *syscall.SysProcAttr
	agree int // port of etcd
	etcd  *process
}

// Server is one of them.
type Server struct {
	Name string // db1, db2, db3
	Port int

	api     int // port of Patroni's
	dir     string
	config  string
	patroni *process
}

// haPatience is how long the servers may take to agree on something.
const haPatience = 3 * time.Minute

// StartHA starts etcd and three servers, and waits until one is the primary and
// another its synchronous standby. The configurations are those of etcd1 and db1
// as an operator writes them; in them it replaces addresses, folders and names,
// makes etcd a cluster of one, and has nobody wait for disks.
func StartHA(ctx context.Context, etcd, patroni string) (_ *HA, err error) {
	for _, program := range []string{"etcd", "patroni", "patronictl"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s: %w", program, ErrMissing)
		}
	}
	h := &HA{}
	if h.bin, err = programs(); err != nil {
		return nil, err
	}
	if h.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w\n%s", err, h.Said()), h.Stop())
		}
	}()
	if h.who, err = owner(h.dir); err != nil {
		return nil, err
	}
	if err := h.startEtcd(ctx, etcd); err != nil {
		return nil, err
	}
	for i := range h.Servers {
		if h.Servers[i], err = h.server(ctx, i, patroni); err != nil {
			return nil, err
		}
	}
	for _, s := range h.Servers {
		if err := h.Start(s); err != nil {
			return nil, err
		}
	}
	return h, h.Agreed(ctx, len(h.Servers))
}

func (h *HA) startEtcd(ctx context.Context, config string) (err error) {
	if h.agree, err = freePort(ctx); err != nil {
		return err
	}
	peers, err := freePort(ctx)
	if err != nil {
		return err
	}
	peer := fmt.Sprintf("127.0.0.1:%d", peers)
	config = strings.NewReplacer("etcd1:2379", fmt.Sprintf("127.0.0.1:%d", h.agree), ",etcd2=http://etcd2:2380,etcd3=http://etcd3:2380", "",
		"etcd1:2380", peer, "/var/lib/etcd", filepath.Join(h.dir, "etcd")).Replace(config)
	path := filepath.Join(h.dir, "etcd.yml")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil { //nolint:gosec // etcd reads it as another user
		return err
	}
	if h.etcd, err = h.run("etcd", h.dir, "etcd", "--config-file", path); err != nil {
		return err
	}
	return answers(ctx, h.agree)
}

// server writes the configuration of a server.
func (h *HA) server(ctx context.Context, i int, config string) (s *Server, err error) {
	s = &Server{Name: "db" + strconv.Itoa(i+1)}
	s.dir = filepath.Join(h.dir, s.Name)
	s.config = filepath.Join(s.dir, "patroni.yml")
	for _, port := range []*int{&s.Port, &s.api} {
		if *port, err = freePort(ctx); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil { //nolint:gosec // it is given away
		return nil, err
	}
	if _, err := owner(s.dir); err != nil {
		return nil, err
	}
	config = strings.NewReplacer("name: db1", "name: "+s.Name,
		"db1:5432", fmt.Sprintf("127.0.0.1:%d", s.Port), "db1:8008", fmt.Sprintf("127.0.0.1:%d", s.api),
		"etcd1:2379, etcd2:2379, etcd3:2379", fmt.Sprintf("127.0.0.1:%d", h.agree),
		"/var/lib/postgresql/15/main", filepath.Join(s.dir, "data"), "/usr/lib/postgresql/15/bin", h.bin,
		"/var/run/postgresql", s.dir, "/var/lib/postgresql", s.dir,
		"    unix_socket_directories:", "    fsync: 'off'\n    unix_socket_directories:",
		"    - data-checksums\n", "    - data-checksums\n    - no-sync\n", "    - checkpoint: fast\n", "    - checkpoint: fast\n    - no-sync\n").Replace(config)
	return s, os.WriteFile(s.config, []byte(config), 0o644) //nolint:gosec // Patroni reads it as another user
}

// Start starts a server, for the first time or after Kill.
func (h *HA) Start(s *Server) (err error) {
	s.patroni, err = h.run(s.Name, s.dir, "patroni", s.config)
	return err
}

// Kill kills Patroni and PostgreSQL of a server at once, as a machine dies. What
// differs is that the system closes their connections.
func (h *HA) Kill(s *Server) error { return h.signal(s, syscall.SIGKILL) }

// Freeze stops a server where it stands, as a machine does that hangs: connections
// stay open, new ones are accepted, and nobody answers. Thaw lets it go on.
func (h *HA) Freeze(s *Server) error { return h.signal(s, syscall.SIGSTOP) }

// Thaw lets a server go on that was frozen.
func (h *HA) Thaw(s *Server) error { return h.signal(s, syscall.SIGCONT) }

func (h *HA) signal(s *Server, sig syscall.Signal) error {
	err := s.patroni.signal(sig)
	for _, pid := range s.postgres() {
		if e := syscall.Kill(pid, sig); !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// postgres are the processes of a server's PostgreSQL. The first is their parent.
func (s *Server) postgres() []int {
	text, _ := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	line, _, _ := strings.Cut(string(text), "\n")
	parent, err := strconv.Atoi(line)
	if err != nil {
		return nil // it does not run
	}
	list := []int{parent}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	for _, field := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// Member is what Patroni knows of a server.
type Member struct {
	Name, Role, State string
	Timeline          int
}

// Members asks Patroni of any server that answers.
func (h *HA) Members(ctx context.Context) (list []Member, err error) {
	for _, s := range h.Servers {
		var answer struct{ Members []Member }
		if err = get(ctx, fmt.Sprintf("http://127.0.0.1:%d/cluster", s.api), &answer); err == nil {
			return answer.Members, nil
		}
	}
	return nil, err
}

func get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return json.NewDecoder(res.Body).Decode(into)
}

// Agreed waits until so many servers run: one primary, one synchronous standby,
// and the rest replicas of the primary's timeline.
func (h *HA) Agreed(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, haPatience)
	defer cancel()
	for {
		list, err := h.Members(ctx)
		if err == nil && agreed(list, n) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the servers do not agree on a primary and a synchronous standby: %+v, %w", list, errors.Join(err, ctx.Err()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func agreed(list []Member, n int) bool {
	roles, timeline := map[string]int{}, 0
	for _, m := range list {
		if m.State == "running" || m.State == "streaming" {
			roles[m.Role]++
		}
		if m.Role == "leader" {
			timeline = m.Timeline
		}
	}
	for _, m := range list {
		if m.State == "running" && m.Role != "leader" && m.Timeline != timeline {
			return false
		}
	}
	return roles["leader"] == 1 && roles["sync_standby"] == 1 && roles["replica"] == n-2
}

// Primary is the server that Patroni says takes writes, and its synchronous
// standby.
func (h *HA) Primary(ctx context.Context) (primary, standby *Server, err error) {
	list, err := h.Members(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range list {
		for _, s := range h.Servers {
			switch {
			case s.Name == m.Name && m.Role == "leader":
				primary = s
			case s.Name == m.Name && m.Role == "sync_standby":
				standby = s
			}
		}
	}
	if primary == nil || standby == nil {
		return nil, nil, fmt.Errorf("there is no primary with a synchronous standby: %+v", list)
	}
	return primary, standby, nil
}

// Ctl runs patronictl, as an operator does on one of the servers.
func (h *HA) Ctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "patronictl", append([]string{"-c", h.Servers[0].config}, args...)...) //nolint:gosec // a test's arguments
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+h.dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("patronictl: %w\n%s", err, out)
	}
	return string(out), err
}

// Place puts the servers' addresses where a document has db1:5432 and its like.
func (h *HA) Place(text string) string {
	for _, s := range h.Servers {
		text = strings.ReplaceAll(text, s.Name+":5432", fmt.Sprintf("127.0.0.1:%d", s.Port))
	}
	return text
}

// Said is the end of what the programs wrote, for people.
func (h *HA) Said() string {
	const most = 4 << 10
	var out strings.Builder
	files, _ := filepath.Glob(filepath.Join(h.dir, "*.said"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if len(text) > most {
			text = text[len(text)-most:]
		}
		fmt.Fprintf(&out, "--- %s\n%s\n", filepath.Base(f), bytes.TrimSpace(text))
	}
	return out.String()
}

// Stop kills everything and removes the data.
func (h *HA) Stop() error {
	var errs []error
	for _, s := range h.Servers {
		if s != nil && s.patroni != nil {
			errs = append(errs, h.Kill(s))
		}
	}
	for _, s := range h.Servers {
		if s != nil && s.patroni != nil {
			<-s.patroni.ended
		}
	}
	if h.etcd != nil {
		errs = append(errs, h.etcd.signal(syscall.SIGKILL))
		<-h.etcd.ended
	}
	return errors.Join(append(errs, os.RemoveAll(h.dir))...)
}

// process is a program that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// run starts a program. What it says goes to a file of its name.
func (h *HA) run(name, dir, program string, args ...string) (*process, error) {
	said, err := os.OpenFile(filepath.Join(h.dir, name+".said"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = said.Close() }()
	p := &process{cmd: exec.Command(program, args...), ended: make(chan struct{})} //nolint:gosec,noctx // it outlives the call
	p.cmd.Dir, p.cmd.SysProcAttr, p.cmd.Stdout, p.cmd.Stderr = dir, h.who, said, said
	p.cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	return p, nil
}

// signal tells a program something, unless it has ended.
func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
