package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/server"
)

// Each phase is told at once and when it is done; in between as seldom as said.
func TestMigrateProgress(t *testing.T) {
	for lines, want := range map[bool]string{
		true: "copying: 1 of 9 rows, accounts\ncopying: 9 of 9 rows, 3 a second, counters\nchecking: 2 of 9 rows, accounts\n",
		false: "\rcopying: 1 of 9 rows, accounts\rcopying: 9 of 9 rows, 3 a second, counters\n" +
			"\rchecking: 2 of 9 rows, accounts\n",
	} {
		var out strings.Builder
		p := newProgress(&out)
		clock := time.Unix(1_900_000_000, 0)
		p.now = func() time.Time { return clock }
		if p.lines = lines; !newProgress(&out).lines {
			t.Error("a file is taken for a terminal")
		}
		for _, at := range []server.MigrateProgress{
			{Phase: "copying", Rows: 1, Total: 9, Table: "accounts"},
			{Phase: "copying", Rows: 5, Total: 9, Table: "keys"},
			{Phase: "copying", Rows: 9, Total: 9, Table: "counters"},
			{Phase: "checking", Rows: 2, Total: 9, Table: "accounts"},
		} {
			p.show(at)
			clock = clock.Add(p.pause / 3)
		}
		p.end()
		if out.String() != want {
			t.Errorf("lines %v:\n%q, want\n%q", lines, out.String(), want)
		}
	}
}

func TestMigrateReport(t *testing.T) {
	r := server.MigrateReport{From: "sqlite:/a", To: "postgres://h/<d>", Head: "7-00", Rows: 3, Keys: true}
	var out strings.Builder
	if err := tellMigration(&out, &r, true); err != nil {
		t.Fatal(err)
	}
	if want := `{"from":"sqlite:/a","to":"postgres://h/<d>","already":false,"rows":3,"earlier":0,"head":"7-00","keys":true}` + "\n"; out.String() != want {
		t.Errorf("the report is %s, want %s", &out, want)
	}
	for keys, want := range map[bool]string{true: "the key set fits", false: "the key set was not moved"} {
		out.Reset()
		r.Keys = keys
		if err := tellMigration(&out, &r, false); err != nil || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "not sealed") {
			t.Errorf("%v: %s", err, &out)
		}
	}
	r.Unsealed = true
	if err := tellMigration(&out, &r, false); err != nil || !strings.Contains(out.String(), "nobody can tell: it is not sealed: ") {
		t.Errorf("%v: %s", err, &out)
	}
}
