package server

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/gate"
)

func startDemo(t *testing.T, data string) *Demo {
	t.Helper()
	d, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Data: data, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	running(t, d)
	return d
}

// shell runs a line as somebody who pastes it does.
func shell(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v: %s", line, err, out)
	}
	return string(out)
}

// Every registered dialect has a login and a call to paste, and they work.
func TestDemoExamples(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the demo's commands are for curl, which is not here (Debian: curl)")
	}
	d := startDemo(t, "")
	examples := d.Examples()
	if len(examples) != len(Dialects()) {
		t.Fatalf("%d examples for %d dialects", len(examples), len(Dialects()))
	}
	for i, e := range examples {
		name := Dialects()[i].Name
		t.Run(name, func(t *testing.T) {
			if strings.ContainsAny(e.Login, "{}") || strings.Contains(e.Call, "{token}") {
				t.Fatalf("a placeholder was not filled:\n%s\n%s", e.Login, e.Call)
			}
			token := regexp.MustCompile(anyToken).FindString(shell(t, e.Login))
			if token == "" {
				t.Fatalf("no token is answered to:\n%s", e.Login)
			}
			var said struct {
				Method, Path string
				Query        map[string][]string
				Identity     map[string]string
			}
			answer := shell(t, e.Call)
			if err := json.Unmarshal([]byte(answer), &said); err != nil {
				t.Fatalf("%s\nanswered %s", e.Call, answer)
			}
			if said.Identity[gate.DialectHeader] != name || said.Identity[gate.AccountHeader] == "" || said.Identity[gate.SessionHeader] == "" {
				t.Errorf("the API is told %v", said.Identity)
			}
			if regexp.MustCompile(anyToken).MatchString(answer) {
				t.Errorf("a token reached the API: %s", answer)
			}
		})
	}
}

func TestDemoServesThisMachineOnly(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.0.0.2:0": true, "[::1]:8080": true, "localhost:8080": true,
		"0.0.0.0:8080": false, ":8080": false, "[::]:8080": false, "192.0.2.1:8080": false, "example.com:8080": false,
		"127.0.0.1": false, "": false, "localhost.example.com:80": false, "[::ffff:192.0.2.1]:80": false,
	} {
		if err := CheckLoopback(addr); (err == nil) != want {
			t.Errorf("%q: %v", addr, err)
		}
	}
	if _, err := NewDemo(t.Context(), DemoOptions{Addr: "0.0.0.0:0", Log: io.Discard}); err == nil {
		t.Error("a demo serves the network")
	}
}

func TestDemoRefusesACallWithoutLogin(t *testing.T) {
	d := startDemo(t, "")
	res, err := http.Get("http://" + d.Addr().String() + "/logs/?cid=123456&token=9C467079-FE3B-45C5-8AA5-9726397081AA")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if strings.Contains(string(b), "identity") || !strings.Contains(string(b), "<ResponseCode>1</ResponseCode>") {
		t.Errorf("answered %d: %s", res.StatusCode, b)
	}
}

func TestDemoLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	left := func() int {
		list, err := os.ReadDir(os.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if left() == 0 {
		t.Fatal("the demo keeps its data elsewhere")
	}
	if err := d.Close(); err != nil || left() != 0 {
		t.Errorf("left %d files (%v)", left(), err)
	}
}

func TestDemoStartsAgainOnItsData(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		d, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Data: dir, Log: t.Output()})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
