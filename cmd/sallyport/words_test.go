package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
)

// Credentials are read from a file that nobody else can read, and errors do not repeat
// it.
func TestCredentials(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		text string
		mode os.FileMode
		want credentials
		err  string
	}{
		{"SALLYPORT_CLIENT_ID=HQ\nSALLYPORT_CLIENT_SECRET=hidden\n", 0o600, credentials{"HQ", "hidden"}, ""},
		{"# mine\n\nexport SALLYPORT_CLIENT_ID='100'\r\nexport SALLYPORT_CLIENT_SECRET=\"hidden=\"", 0o400, credentials{"100", "hidden="}, ""},
		{"SALLYPORT_CLIENT_ID=HQ\nSALLYPORT_CLIENT_SECRET=hidden\n", 0o640, credentials{}, "has mode 0640"},
		{"SALLYPORT_CLIENT_ID=HQ\nSALLYPORT_CLIENT_SECRET=hidden\n", 0o604, credentials{}, "has mode 0604"},
		{"SALLYPORT_CLIENT_ID=HQ\nhidden\n", 0o600, credentials{}, "f:2: write one line"},
		{"SALLYPORT_CLIENT_ID=HQ\nSALLYPORT_CLIENT_ID=hidden\n", 0o600, credentials{}, "f:2: write one line"},
		{"SALLYPORT_CLIENT_ID=HQ\n", 0o600, credentials{}, "lacks"},
		{strings.Repeat("#", 1<<20), 0o600, credentials{}, "lacks"},
	} {
		_ = os.Remove("f")
		if err := os.WriteFile("f", []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod("f", c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := readCredentials("f")
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%.60q: %+v, %v", c.text, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "hidden")):
			t.Errorf("%.60q: %v, want %q", c.text, err, c.err)
		}
	}
}

// What a client claimed to be does not act on an operator's terminal, and columns stay
// columns.
func TestTablesAreHarmless(t *testing.T) {
	var out strings.Builder
	evil := "a\x1b[2Jb\tc\nd\u202ee\u0085f\u200bg"
	if err := table(&screen{Writer: &out}, []api.Lock{{Name: evil, Failures: 5}, {Name: "ok"}}, "name", "failures", "account", "until"); err != nil {
		t.Fatal(err)
	}
	want := "NAME              FAILURES  ACCOUNT  UNTIL\n" +
		"a\ufffd[2Jb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg  5         -        -\n" +
		"ok                0         -        -\n"
	if out.String() != want {
		t.Errorf("the table is\n%q, want\n%q", out.String(), want)
	}
	out.Reset()
	if err := record(&screen{Writer: &out}, &api.Policy{Name: evil, Life: api.Life{Span: api.Span(48 * time.Hour)}}); err != nil || strings.ContainsAny(out.String(), "\x1b\u202e\t") || !strings.Contains(out.String(), "span  2d\n") {
		t.Errorf("the record is %q, %v", out.String(), err)
	}
}

// What a server answers does not act on it either.
func TestErrorsAreHarmless(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.ProblemType)
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"title":"No","detail":"a\u001b[2Jb\nc\u202e"}`)
	}))
	defer s.Close()
	t.Setenv(envServer, s.URL)
	t.Setenv(envID, "HQ")
	t.Setenv(envSecret, "hidden")
	var stdout, stderr strings.Builder
	code := run(t.Context(), []string{"account", "list"}, &stdout, &stderr)
	if code != exitError || stderr.String() != "sallyport: No: a\ufffd[2Jb\nc\ufffd\n" || stdout.Len() > 0 {
		t.Errorf("exit code %d: %q %q", code, &stdout, &stderr)
	}
}

// Values are read as the help says.
func TestInputFlags(t *testing.T) {
	var in struct {
		Since    time.Time  `query:"since"`
		Expires  *time.Time `json:"expires"`
		Overlap  *api.Span  `json:"overlap"`
		Networks *[]string  `json:"networks"`
		Disabled *bool      `json:"disabled"`
		Limit    int        `query:"limit" zero:"no"`
	}
	flags := map[string]*inputFlag{}
	for _, f := range inputFlags(reflect.ValueOf(&in).Elem(), reflect.TypeFor[api.Nothing](), nil) {
		flags[f.name] = f
	}
	if in.Networks != nil || in.Disabled != nil || in.Expires != nil {
		t.Error("what is not stated is")
	}
	for _, c := range []struct{ flag, text, err string }{
		{"since", "2026-01-31", ""}, {"expires", "2026-01-31T12:00:00+02:00", ""}, {"overlap", "7d12h", ""}, {"network", "10.0.0.0/8", ""},
		{"network", "192.0.2.1,192.0.2.2", ""}, {"disabled", "false", ""}, {"limit", "7", ""},
		{"since", "yesterday", "is not a time"}, {"overlap", "-1d", "is not a span"}, {"disabled", "perhaps", "neither true nor false"},
		{"limit", "-1", "not a whole number"}, {"limit", "1.5", "not a whole number"}, {"limit", "0", "1 at least"},
	} {
		err := flags[c.flag].Set(c.text)
		if (c.err == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("--%s %s: %v, want %q", c.flag, c.text, err, c.err)
		}
		if c.flag == "limit" && c.err == "" && in.Limit != 7 || c.flag == "since" && c.err == "" && in.Since.Format(time.RFC3339) != "2026-01-31T00:00:00Z" {
			t.Errorf("--%s %s: %+v", c.flag, c.text, in)
		}
	}
	if in.Expires.Format(time.RFC3339) != "2026-01-31T10:00:00Z" || len(*in.Networks) != 3 || *in.Disabled {
		t.Errorf("read %+v", in)
	}
	before := time.Now()
	if err := flags["since"].Set("2h"); err != nil || before.Sub(in.Since) > 2*time.Hour || time.Since(in.Since) < 2*time.Hour {
		t.Errorf("--since 2h: %s, %v", in.Since, err)
	}
	if err := flags["expires"].Set("90d"); err != nil || in.Expires.Sub(before) < 90*24*time.Hour {
		t.Errorf("--expires 90d: %s, %v", in.Expires, err)
	}
}

// Names are found by as much of the path as there is, and several are refused.
func TestFinder(t *testing.T) {
	d := newDesk(t)
	for _, words := range []string{
		"account create ACME", "account create ACME/100 --code WEST", "account create ACME/WEST/7 --code ONE",
		"account create BETA", "account create BETA/100", "account create BETA/200 --code ACME", "account create GAMMA", "account create GAMMA/A-B",
		"key create ACME/100 --name a/b", "key create ACME/WEST/ONE --name main", "key create BETA/200 --name main",
		"user create ACME/100 --name ann", "user create BETA --name ann", "user create ACME --name odd/name",
	} {
		d.must(words)
	}
	for _, c := range []struct{ words, want string }{
		{"account show WEST", "ACME/100\n"},
		{"account show ACME/100", "ACME/100\n"},
		{"account show ONE", "ACME/100/7\n"},
		{"account show WEST/7", "ACME/100/7\n"},
		{"account show ACME/WEST/ONE", "ACME/100/7\n"},
		{"account show 100/ONE", "ACME/100/7\n"},
		{"account show BETA/ACME", "path      BETA/200\n"},
		{"account show 100", "2 candidates"},
		{"account show ACME", " ACME\n"},
		{"account show BETA/WEST", "none"}, {"account show WEST/ACME", "none"}, {"account show X/ACME/100", "none"}, {"account show /100", "none"}, {"account show 0100", "none"},
		{"account show id:0", "no id"}, {"account show id:x", "no id"},
		{"key show ACME/WEST/a/b", "name      a/b\n"},
		{"key show 7/main", "account   ACME/100/7\n"},
		{"key show ACME/main", "none"}, // the tenant of that name has none
		{"key show BETA/ACME/main", "account   BETA/200\n"},
		{"key show main", "does not name a key"},
		{"user show ann", "2 candidates"},
		{"user show BETA/ann", "account        BETA\n"},
		{"user show WEST/ann", "account        ACME/100\n"},
		{"user show odd/name", "name           odd/name\n"},
		{"user show GAMMA/ann", "none"},
		{"account list --parent -", "GAMMA"},
	} {
		code, stdout, stderr := d.try(strings.Fields(c.words)...)
		switch c.want {
		case "none":
			if code != exitError || !strings.Contains(stderr, "there is no ") {
				t.Errorf("%s: exit code %d: %s%s", c.words, code, stdout, stderr)
			}
		case "2 candidates":
			if code != exitError || strings.Count(stderr, "\n  id:") != 2 {
				t.Errorf("%s: exit code %d: %s%s", c.words, code, stdout, stderr)
			}
		default:
			if !strings.Contains(stdout+stderr, c.want) || (code == exitOK) != (stdout != "") {
				t.Errorf("%s: exit code %d: %s%s", c.words, code, stdout, stderr)
			}
		}
	}
	for words, want := range map[string]string{
		"__complete account show ":                     "ACME/100/7\n",
		"__complete key show ":                         "ACME/100/7/main\n",
		"__complete user create ACME --name x --role ": "auditor\n",
		"__complete user show ":                        "BETA/ann\n",
		"__complete session list --account ":           "GAMMA/A-B\n",
	} {
		if _, stdout, stderr := d.try(append(strings.Fields(words), "")...); !strings.Contains(stdout, want) {
			t.Errorf("%s gives %s%s", words, stdout, stderr)
		}
	}
	d.stdin = io.LimitReader(nil, 0)
	if code, _, stderr := d.try("session", "end-all", "--account", "GAMMA"); code != exitError || !strings.Contains(stderr, "nobody can be asked") {
		t.Errorf("asked nobody: exit code %d: %s", code, stderr)
	}
}
