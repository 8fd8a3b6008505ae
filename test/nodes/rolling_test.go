//go:build unix

package nodes

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// Nodes behind a front are restarted one after the other under load, and no client
// hears of it.
func TestRollingRestart(t *testing.T) {
	whole(t)
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("there is no HAProxy here to stand in front (Debian: haproxy)")
	}
	c := pgtest.Run(t)
	s := newSite(t, c.URL("postgres"))
	limits := block(t, page, "limits")
	nodes := []*node{s.start(t, "node1", "127.0.0.1:0", limits), s.start(t, "node2", "127.0.0.1:0", limits)}
	l := startLoad(t, startFront(t, nodes))
	l.more(100)
	for i, n := range nodes {
		if err := n.stop(); err != nil {
			t.Errorf("%s stopped: %v: %s", n.name, err, n.log.end())
		}
		nodes[i] = s.start(t, n.name, n.addr, limits)
		until(t, "the front leads clients to the node", func() bool { return strings.Contains(nodes[i].log.String(), "login request") })
	}
	l.more(100)
	if n := l.trouble.Load(); n > 0 {
		t.Errorf("%d calls failed", n)
	}
	t.Logf("the longest time without a login is %s", l.without())
	l.verify()
}

// startFront starts HAProxy as the document says, without its certificate. What it
// returns is asked like a node.
func startFront(t *testing.T, nodes []*node) *node {
	t.Helper()
	addr := freeAddr(t)
	conf := strings.NewReplacer("*:443 ssl crt /etc/haproxy/api.pem", addr, "node1:8443", nodes[0].addr, "node2:8443", nodes[1].addr).Replace(block(t, page, "haproxy"))
	s := &site{dir: t.TempDir()}
	s.write(t, "haproxy.cfg", conf)
	front := &node{name: "the front", addr: addr, cmd: exec.Command("haproxy", "-db", "-f", "haproxy.cfg"), log: new(buffer)}
	front.cmd.Dir, front.cmd.Stdout, front.cmd.Stderr = s.dir, front.log, front.log
	if err := front.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = front.cmd.Process.Kill()
		_ = front.cmd.Wait()
		if t.Failed() {
			t.Logf("the front said: %s", front.log.end())
		}
	})
	until(t, "the front leads to a node", func() bool { return front.ready() == 200 })
	return front
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
