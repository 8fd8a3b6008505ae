package strict_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/config/strict"
)

type inner struct {
	strict.Mark
	Name     string
	Networks []netip.Prefix
	Expires  time.Time
	Small    int8
}

type outer struct {
	strict.Mark
	Title    string
	ExpireOn time.Duration
	Secret   string `yaml:"pass_word"`
	State    string `enum:"present|absent"`
	On       bool
	Number   int64
	Inner    inner
	Pointer  *inner
	List     []inner
	Map      map[string]inner
	Raw      strict.Raw
	Hidden   int `yaml:"-"`
}

func TestDecode(t *testing.T) {
	var o outer
	err := strict.Decode("f", []byte(`
title: | # text
  two:
  lines: 2
expire_on: 1y2w3d4h
pass_word: 'it''s'
state: absent
on: true
number: -9223372036854775808
inner: {name: "a\tb", networks: [10.0.0.0/8, 192.0.2.1, "::ffff:192.0.2.1", "2001:db8::/32"], expires: 2027-01-02T03:04:05.123456789+01:00}
pointer: {expires: 2027-01-02}
list: [{small: 127}, {name: ""}]
map: {x: {name: y}}
`), &o, strict.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Title != "two:\nlines: 2\n" || o.ExpireOn != (365+14+3)*24*time.Hour+4*time.Hour || o.Secret != "it's" ||
		o.State != "absent" || !o.On || o.Number != math.MinInt64 || o.Inner.Name != "a\tb" || o.List[0].Small != 127 || o.Map["x"].Name != "y" {
		t.Errorf("%+v", o)
	}
	if got := fmt.Sprint(o.Inner.Networks); got != "[10.0.0.0/8 192.0.2.1/32 192.0.2.1/32 2001:db8::/32]" {
		t.Error(got)
	}
	if want := time.Date(2027, 1, 2, 2, 4, 5, 123456000, time.UTC); o.Inner.Expires != want {
		t.Errorf("expires %v, want %v", o.Inner.Expires, want)
	}
	if want := time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC); o.Pointer.Expires != want {
		t.Errorf("expires %v, want %v", o.Pointer.Expires, want)
	}
	for field, want := range map[string]bool{"title": true, "inner.name": true, "inner.small": false, "inner.name.x": false, "raw": false, "hidden": false} {
		if o.Has(field) != want {
			t.Errorf("Has(%q) is %v", field, !want)
		}
	}
	if !o.List[1].Has("name") || o.List[0].Has("name") {
		t.Error("an entry does not know its own fields")
	}
	if got := o.List[1].Errorf("name", "is %s", "empty").Error(); got != "f:12:29: list[1].name: is empty" {
		t.Error(got)
	}
}

func TestNothingIsMentionedOfSecrets(t *testing.T) {
	const secret = "hunter2"
	o := strict.Options{Secrets: true}
	for _, file := range []string{
		"pass_word: {hunter2: 1}", "pass_word: [hunter2]", "hunter2", "hunter2: a", "- hunter2", "{pass_word: a,hunter2}", "pass_word: a\nhunter2",
		"pass_word: |hunter2", "pass_word: >hunter2\n a", "pass_word: @hunter2", "pass_word: !hunter2", "pass_word: &hunter2 x", "pass_word: *hunter2",
		"pass_word: \"hunter2", "pass_word: 'hunter2", "pass_word: \"\\qhunter2\"", "pass_word: hunter2: a", "hunter2: a\nhunter2: b", "? hunter2",
		"pass_word: `hunter2", "pass_word: %hunter2", "%hunter2", "pass_word: hunter2\n\tx: y", "pass_word: [hunter2", "pass_word: a\n hunter2: b",
		"expire_on: hunter2", "state: hunter2", "on: hunter2", "number: hunter2", "inner: hunter2", "inner: {networks: [hunter2]}", "inner: {expires: hunter2}",
		"inner: {networks: hunter2}", "inner: {small: hunter2}", "list: hunter2", "list: [hunter2]", "map: hunter2", "map: {a: hunter2}", "map: {a: {hunter2: 1}}",
		"raw: hunter2", "{title: a pass_word: hunter2}", "{title: hunter2:}", "{title: hunter2\n: a: b}", "title: a\n---\nhunter2", "<<: hunter2", "pass_word: # hunter2", "pass_word: -\n- hunter2",
		"pass_word: hunter2\xff", "pass_word: hunter2\x00", "pass_word: |9hunter2", "passw_ord: hunter2", "#hunter2\n: a",
	} {
		var v outer
		err := strict.Decode("f", []byte(file), &v, o)
		if err == nil {
			t.Errorf("%q: accepted", file)
			continue
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			if strings.Contains(text, secret) {
				t.Errorf("%q: the error shows the secret: %s", file, text)
			}
		}
	}
}

// YAML has more ways to write a number than people who copy a customer's number
// know of.
func TestNumbers(t *testing.T) {
	const (
		zeros   = "begins with 0, which YAML takes for octal: write it without the leading zeros"
		decimal = "is not a number in plain decimal: write its digits alone, without 0x, 0o, 0b, _ and +"
		quotes  = "stands in quotes, so that it is text: write the number without quotes and leading zeros"
		large   = "is not a whole number of at most 19 digits"
	)
	for text, want := range map[string]string{
		"0123": zeros, "089": zeros, "-012": zeros, "00": zeros,
		"0x1F": decimal, "-0x1F": decimal, "0o17": decimal, "0b11": decimal, "1_000": decimal, "0_1": decimal, "+5": decimal,
		"'7'": quotes, `"0123"`: quotes,
		"9223372036854775808": large, "99999999999999999999": large, "1.5": large,
		"1e3": "is text: write a whole number, without quotes", "|\n  7": "is text: write a whole number, without quotes",
	} {
		for _, o := range []strict.Options{{}, {Secrets: true}} {
			var v outer
			err := strict.Decode("f", []byte("number: "+text), &v, o)
			if want := "f:1:9: number: " + want; err == nil || err.Error() != want {
				t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
			}
		}
	}
	for text, want := range map[string]int64{"0": 0, "7": 7, "-5": -5, "10": 10, "9223372036854775807": math.MaxInt64, "12 # twelve": 12} {
		var v outer
		if err := strict.Decode("f", []byte("number: "+text), &v, strict.Options{}); err != nil || v.Number != want {
			t.Errorf("%s: %d, %v", text, v.Number, err)
		}
	}
}

func TestBounds(t *testing.T) {
	many := func(f string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, f, i)
		}
		return b.String()
	}
	indented := ""
	for i := range 400 {
		indented += strings.Repeat(" ", i) + "a:\n"
	}
	for name, c := range map[string]struct{ file, want string }{
		"size":      {"title: " + strings.Repeat("x", 4<<20), "larger than"},
		"flow":      {"map: " + strings.Repeat("[", 1000), "nested too deeply"},
		"mappings":  {"map: " + strings.Repeat("{a: ", 1000), "nested too deeply"},
		"dashes":    {strings.Repeat("- ", 10000) + "a", "indented too deeply"},
		"indented":  {indented, "indented too deeply"},
		"keys":      {"map:\n" + many(" k%d: {name: v}\n", 1001), "too many fields"},
		"flow keys": {"map: {" + many("k%d: {name: v},", 1001) + "}", "too many fields"},
		"documents": {strings.Repeat("---\ntitle: a\n", 1001), "more than 1000 documents"},
		"tokens":    {"#" + strings.Repeat("\n", 3<<20), "too many entries"},
		"name":      {strings.Repeat("x", 1<<19) + ": 1", "unknown field"},
		"alias":     {"title: &a [x]\nlist: [*a]", "anchors, aliases"},
		"merge":     {"inner: {<<: {name: a}}", "merge keys"},
		"problems":  {"list: [" + strings.Repeat("{x: 1},", 30) + "]", "and 10 more"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strict.DecodeAll[outer]("f", []byte(c.file), strict.Options{Max: 4 << 20})
			if !errors.Is(err, strict.ErrFile) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %.1000v, want %s", err, c.want)
			}
			if lines := strings.Count(err.Error(), "\n") + 1; lines > 21 || len(err.Error()) > 8<<10 {
				t.Errorf("the error has %d lines, %d bytes", lines, len(err.Error()))
			}
		})
	}
	if _, err := strict.DecodeAll[outer]("f", []byte("map: {"+many("k%d: {name: v},", 1000)+"}"), strict.Options{}); err != nil {
		t.Errorf("a thousand names: %v", err)
	}
	if _, err := strict.DecodeAll[outer]("f", []byte("title: xxxx"), strict.Options{Max: 10}); !errors.Is(err, strict.ErrFile) {
		t.Errorf("11 bytes of at most 10: %v", err)
	}
	if l, err := strict.DecodeAll[outer]("f", []byte("# none\n---\ntitle: a\n---\n\n---\ntitle: b\n"), strict.Options{}); err != nil || len(l) != 2 || l[1].Title != "b" {
		t.Errorf("documents %v %v", l, err)
	}
}

func TestDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0s": 0, "20m": 20 * time.Minute, "1d": day, "1d12h": 36 * time.Hour, "2w": 14 * day, "10y": 3650 * day, "1y1w1d1ns": 373*day + 1, "1.5h": 90 * time.Minute, "0": 0,
	} {
		if got, err := strict.Duration(text); err != nil || got != want {
			t.Errorf("Duration(%q) is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "d", "-1d", "1d-1h", "+1h", "1d+1h", "1.5d", "1h1d", "1d1w", "1d1d", "293y", "292y1000w", "99999999999d", "1 d", "1D", "-1s", "y", "1e3d"} {
		if got, err := strict.Duration(text); err == nil {
			t.Errorf("Duration(%q) is %v, want an error", text, got)
		}
	}
}

func TestNear(t *testing.T) {
	words := []string{"policy", "prefix", "name", "names", "read_timeout"}
	for word, want := range map[string]string{
		"polciy": "policy", "Policy": "policy", "perfix": "prefix", "nme": "name", "names": "names", "readtimeout": "read_timeout",
		"x": "", "": "", "secret": "", strings.Repeat("a", 1000): "",
	} {
		if got := strict.Near(word, words); got != want {
			t.Errorf("Near(%.20q) is %q, want %q", word, got, want)
		}
	}
}

func TestRaw(t *testing.T) {
	var o outer
	if err := strict.Decode("f", []byte("raw: {name: a, naem: b}"), &o, strict.Options{}); err != nil {
		t.Fatal(err)
	}
	var in inner
	if err := o.Raw.Decode(&in); err == nil || err.Error() != `f:1:16: raw: unknown field "naem", did you mean "name"?` {
		t.Error(err)
	}
	kept := inner{Name: "kept"}
	if err := (strict.Raw{}).Decode(&kept); err != nil || kept.Name != "kept" {
		t.Error(kept, err)
	}
}

// Whatever the bytes are, decoding ends with a value or with a typed error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("title: a\nlist: [{name: b, networks: [10.0.0.0/8]}]\nmap: {a: {small: 1}}\nraw: {a: b}"))
	f.Add([]byte("---\ninner:\n  expires: 2027-01-01\n---\non: true\nnumber: 0x10"))
	f.Add([]byte("pass_word: |2-\n   x\nstate: >\n absent"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := strict.DecodeAll[outer]("f", data, strict.Options{Secrets: true})
		if err != nil && !errors.Is(err, strict.ErrFile) {
			t.Fatalf("untyped error %v", err)
		}
		for i := range l {
			_ = l[i].Errorf("list.name", "x").Error()
			var in inner
			if err := l[i].Raw.Decode(&in); err != nil && !errors.Is(err, strict.ErrFile) {
				t.Fatalf("untyped error %v", err)
			}
			if !reflect.DeepEqual(l[i].ExpireOn, max(0, l[i].ExpireOn)) {
				t.Fatal("negative duration")
			}
		}
	})
}
