package dialecttest

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect/electa"
)

const (
	request = "GET /token/?cid=123456&appkey=wrong HTTP/1.1\nHost: x\n\n"
	reply   = "HTTP/1.1 200 OK\nCache-Control: no-store\nContent-Type: text/xml; charset=utf-8\nContent-Length: 152\n\n" +
		`<?xml version="1.0" encoding="UTF-8"?><Response><ResponseCode>1</ResponseCode><ResponseData>Invalid Account or Application Key</ResponseData></Response>` + "\n"
)

// TestRunnerNotices: what a transcript gets wrong is an error, and what it gets
// right is none.
func TestRunnerNotices(t *testing.T) {
	type step struct{ name, data string }
	right := step{"reply credentials", reply}
	for name, c := range map[string]struct {
		want  string // part of the error; "": none
		steps []step
	}{
		"nothing":              {"", []step{{"request", request}, right}},
		"another byte":         {"the reply is", []step{{"request", request}, {right.name, strings.Replace(reply, "Invalid", "invalid", 1)}}},
		"a byte more":          {"the reply is", []step{{"request", request}, {right.name, strings.TrimSuffix(reply, "\n") + " \n"}}},
		"a line break more":    {"the reply is", []step{{"request", request}, {right.name, reply + "\n"}}},
		"a header more":        {"the reply is", []step{{"request", request}, {right.name, strings.Replace(reply, "Content-Length", "Pragma: no-cache\nContent-Length", 1)}}},
		"a header less":        {"the reply is", []step{{"request", request}, {right.name, strings.Replace(reply, "Cache-Control: no-store\n", "", 1)}}},
		"another status":       {"the reply is", []step{{"request", request}, {right.name, strings.Replace(reply, "200", "403", 1)}}},
		"another outcome":      {"outcome", []step{{"request", request}, {"reply ok", reply}}},
		"a mask that is wrong": {"the reply is", []step{{"request", request}, {right.name, strings.Replace(reply, "Invalid Account", "{{GUID}}", 1)}}},
		"an unknown mask":      {"captured", []step{{"request", request}, {right.name, strings.Replace(reply, "Invalid", "{{NAME}}", 1)}}},
		"an unknown name":      {"captured", []step{{"request", strings.Replace(request, "wrong", "{{name}}", 1)}}},
		"no reply":             {"not compared", []step{{"request", request}, {"request", request}}},
		"no request":           {"no request", []step{right}},
		"an unknown step":      {"no such step", []step{{"wait", ""}}},
		"a bad duration":       {"duration", []step{{"advance soon", ""}}},
	} {
		p := &player{t: t, server: Serve(t, Setup{Definition: electa.Definition(), Accounts: Accounts}), known: map[string]string{}}
		var err error
		for _, s := range c.steps {
			if err = p.step(s.name, s.data); err != nil {
				break
			}
		}
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFilling(t *testing.T) {
	p := &player{t: t, known: map[string]string{"token": "ABC"}}
	got, err := p.message("POST /{{token}} HTTP/1.1\nContent-Length: {{LENGTH}}\n\n{{lower token}}{{repeat 3 xy}}\n\n")
	want := "POST /ABC HTTP/1.1\r\nContent-Length: 10\r\n\r\nabcxyxyxy\n"
	if err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"{{}}", "{{repeat x y}}", "{{repeat 9999999 y}}", "{{lower nothing}}"} {
		if _, err := p.message("GET /" + bad + " HTTP/1.1\n"); err == nil {
			t.Errorf("%s is filled", bad)
		}
	}
}
