package server

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
)

// Where the configuration says nothing, what the vendor documents holds.
func TestCoreMount(t *testing.T) {
	cfg, err := config.Parse("test.yaml", []byte(`
trusted_proxies: [127.0.0.1]
mounts:
  - dialect: calamp # whose documented limits are not the configuration's defaults
  - dialect: calamp
    name: strict
    prefix: /strict
    tenant: ACME
    policy: {span: 1m}
    lockout: {names: {failures: 3, window: 1h, lock: 2h}}
    rate: {attempts: 9}
    fair_use: {logins_per_hour: 7, throttle: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	def, err := definition(&cfg.Mounts[0])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := coreMount(&cfg.Mounts[0], def), def.Mount("calamp", ""); *got != *want {
		t.Errorf("without a word: %+v, want the vendor's %+v", got, want)
	}
	got, want := coreMount(&cfg.Mounts[1], def), def.Mount("strict", "ACME")
	want.Policy = auth.Policy{Span: time.Minute}
	want.Names = auth.Limits{Failures: 3, Window: time.Hour, Lock: 2 * time.Hour}
	want.Rate = auth.Rate{Attempts: 9, Window: time.Minute}
	want.FairUse = auth.FairUse{Logins: 7, Answer: auth.AnswerRefuse}
	if *got != *want {
		t.Errorf("configured: %+v, want %+v", got, want)
	}
}

func TestEveryDialectCanBeMounted(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Dialects() {
		if seen[d.Name] || d.Name == "" || d.New == nil {
			t.Errorf("dialect %q is listed twice or not whole", d.Name)
		}
		seen[d.Name] = true
		if demoCredentials[d.Name] == nil {
			t.Errorf("the demo has no credentials for %s", d.Name)
		}
	}
	folders, err := os.ReadDir("../dialect")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() && f.Name() != "dialecttest" && f.Name() != "testdata" && !seen[f.Name()] {
			t.Errorf("dialect/%s is not listed in dialects.go", f.Name())
		}
	}
	c := config.Mount{Name: "x", Dialect: "telnet"}
	if _, err := definition(&c); err == nil || !strings.Contains(err.Error(), "electa, calamp") {
		t.Errorf("an unknown dialect: %v", err)
	}
}
