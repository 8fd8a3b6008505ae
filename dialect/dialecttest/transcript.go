package dialecttest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// RunTranscripts replays every transcript of a directory, each on a server of its
// own with the given accounts.
func RunTranscripts(t *testing.T, def dialect.Definition, dir string, accounts func(testing.TB, *auth.Service)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in %s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			replay(t, Setup{Definition: def, Accounts: accounts}, a)
		})
	}
}

// player is one transcript while it is replayed.
type player struct {
	t      *testing.T
	server *Server
	known  map[string]string // what replies captured
	reply  *Reply            // to the last request, until it is compared
}

func replay(t *testing.T, setup Setup, a *txtar.Archive) {
	t.Helper()
	if !strings.HasPrefix(string(a.Comment), "Source: ") {
		t.Fatal("a transcript begins with a line that names its source")
	}
	steps := a.Files
	for len(steps) > 0 && configure(&setup, steps[0]) {
		steps = steps[1:]
	}
	p := &player{t: t, server: Serve(t, setup), known: map[string]string{}}
	for i, step := range steps {
		if err := p.step(step.Name, string(step.Data)); err != nil {
			t.Fatalf("step %d (%s): %v", i+1, step.Name, err)
		}
	}
	if p.reply != nil {
		t.Fatal("the last reply is not compared with anything")
	}
}

// configure takes a section that is no step but configuration.
func configure(setup *Setup, section txtar.File) bool {
	if section.Name == "options" {
		setup.Options = string(section.Data)
		return true
	}
	var n int
	adjust := func(also func(*auth.Mount)) { *setup = setup.adjusted(also) }
	if read, _ := fmt.Sscanf(section.Name, "throttle %d", &n); read == 1 {
		adjust(func(m *auth.Mount) { m.FairUse = auth.FairUse{Logins: n, Answer: auth.AnswerRefuse} })
		return true
	}
	if read, _ := fmt.Sscanf(section.Name, "rate %d", &n); read == 1 {
		adjust(func(m *auth.Mount) { m.Rate.Attempts = n })
		return true
	}
	if read, _ := fmt.Sscanf(section.Name, "lock %d", &n); read == 1 {
		adjust(func(m *auth.Mount) { m.Names.Failures = n })
		return true
	}
	return false
}

func (p *player) step(name, data string) error {
	verb, argument, _ := strings.Cut(name, " ")
	switch {
	case verb == "reply":
		return p.compare(data, argument)
	case p.reply != nil:
		return fmt.Errorf("the reply before it is not compared with anything")
	case verb == "advance":
		d, err := time.ParseDuration(argument)
		p.server.Advance(d)
		return err
	case name == "request" || name == "plain request":
		raw, err := p.message(data)
		if err != nil {
			return err
		}
		send := p.server.Send
		if name != "request" {
			send = p.server.SendPlain
		}
		r := send(raw)
		p.reply = &r
	case name == "restart":
		p.server.Restart()
	case name == "store fails":
		p.server.FailStore()
	default:
		return fmt.Errorf("no such step")
	}
	return nil
}

// compare holds the last reply, and what the log says of it, against the
// transcript.
func (p *player) compare(want, outcome string) error {
	if p.reply == nil {
		return fmt.Errorf("there was no request before it")
	}
	got := p.reply.Raw
	p.reply = nil
	pattern, names, err := p.pattern(onWire(want))
	if err != nil {
		return err
	}
	m := pattern.FindStringSubmatch(got)
	if m == nil {
		return fmt.Errorf("the reply is\n%s\nand not\n%s", readable(got), want)
	}
	for i, name := range names {
		if name != "" {
			p.known[name] = m[i+1]
		}
	}
	_, lines := p.server.Log()
	if last := lines[len(lines)-1]; last.Outcome != outcome {
		return fmt.Errorf("the outcome in the log is %q and not %q", last.Outcome, outcome)
	}
	return nil
}

// readable shows a message as a transcript has it, with what would be
// invisible escaped.
func readable(raw string) string {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	return strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + strings.ReplaceAll(body, "\r", `\r`)
}

// onWire turns a section into a message: CRLF in the head, the body as it is but
// for the newline at its end.
func onWire(section string) string {
	head, body, found := strings.Cut(section, "\n\n")
	if !found {
		head = strings.TrimSuffix(head, "\n")
	}
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + strings.TrimSuffix(body, "\n")
}
