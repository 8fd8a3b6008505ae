package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
)

// Level is how bad a finding is.
type Level string

// The levels of findings.
const (
	Fine    Level = "ok"
	Warning Level = "warn" // it works, and somebody should know
	Bad     Level = "bad"  // the server does not start, or is not safe, or clients are refused
)

// Finding is what one look of [Examine] found.
type Finding struct {
	Level Level  `json:"level"`
	Area  string `json:"area"` // configuration, tls, clock, disk, keys, database, mounts, people, listen
	What  string `json:"what"`
	Mend  string `json:"mend,omitempty"` // what to do
}

// Findings are what [Examine] found, in the order in which it looked.
type Findings []Finding

// ErrUnwell says that something is bad.
var ErrUnwell = errors.New("something is wrong")

// Err wraps [ErrUnwell] if something is bad.
func (l Findings) Err() error {
	n := 0
	for _, f := range l {
		if f.Level == Bad {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d of %d findings are bad", ErrUnwell, n, len(l))
}

// Write writes the findings for people.
func (l Findings) Write(w io.Writer) error {
	var b strings.Builder
	for _, f := range l {
		fmt.Fprintf(&b, "%-5s %-14s %s\n", f.Level, f.Area, indented(f.What))
		if f.Mend != "" {
			fmt.Fprintf(&b, "%-20s > %s\n", "", indented(f.Mend))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// indented keeps the further lines of a text below its first.
func indented(text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 21))
}

// WriteJSON writes the findings as one JSON array.
func (l Findings) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(l)
}

// doctor is one examination.
type doctor struct {
	cfg   *config.Config
	now   time.Time
	found Findings
}

// Examine looks at the configuration in a file and at everything it names, and
// changes none of it. A server may run on it meanwhile. No other machine is asked but
// that of a database in PostgreSQL. A database in a file is read from end to end.
func Examine(ctx context.Context, path string) Findings {
	d := &doctor{now: auth.SystemClock()}
	var err error
	if d.cfg, err = config.Load(path); err != nil {
		d.bad("configuration", "mend the file: the message says where and what to write", "%v", err)
		return d.found
	}
	d.configuration(path)
	d.certificates()
	d.disk()
	d.keys(ctx)
	d.database(ctx)
	d.mounts(ctx)
	d.listeners(ctx)
	return d.found
}

func (d *doctor) fine(area, what string, args ...any) { d.add(Fine, area, "", what, args...) }
func (d *doctor) warn(area, mend, what string, args ...any) {
	d.add(Warning, area, mend, what, args...)
}
func (d *doctor) bad(area, mend, what string, args ...any) { d.add(Bad, area, mend, what, args...) }

func (d *doctor) add(l Level, area, mend, what string, args ...any) {
	d.found = append(d.found, Finding{Level: l, Area: area, What: fmt.Sprintf(what, args...), Mend: mend})
}

// troubled says whether something that is not fine was found in an area since so
// many findings.
func (d *doctor) troubled(since int) bool {
	return slices.ContainsFunc(d.found[since:], func(f Finding) bool { return f.Level != Fine })
}

func (d *doctor) configuration(path string) {
	since := len(d.found)
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o022 != 0 {
		d.bad("configuration", "chmod go-w "+quoted(path), "others may write %s (mode %04o): who does decides whom the server believes", path, info.Mode().Perm())
	}
	for _, p := range d.cfg.TrustedProxies {
		if wide(p) {
			d.warn("configuration", "name the proxies alone", "trusted_proxies has %s: each of these addresses may say where a request came from, and that it was https", p)
		}
	}
	switch a := &d.cfg.Admin; {
	case a.Open && !d.cfg.TLS.On():
		d.bad("configuration", "listen on 127.0.0.1, or give tls a cert and a key", "admin.listen %s is open to other machines without TLS: what administrators send can be read on the way", a.Listen)
	case a.Open:
		d.warn("configuration", "keep it behind a firewall, or listen on 127.0.0.1", "admin.listen %s is open to other machines: metrics and profiles are for everybody who reaches it", a.Listen)
	}
	if !d.troubled(since) {
		d.fine("configuration", "%s, mounts: %d", path, len(d.cfg.Mounts))
	}
}

// private are networks whose addresses nobody has on the Internet.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::1/128"),
}

// wide says whether a network has more than 256 addresses that others may have,
// or more than a site's worth of IPv6.
func wide(p netip.Prefix) bool {
	if slices.ContainsFunc(private, func(own netip.Prefix) bool { return own.Bits() <= p.Bits() && own.Contains(p.Addr()) }) {
		return false
	}
	if p.Addr().Is4() {
		return p.Bits() < 24
	}
	return p.Bits() < 56
}

// private finds a file that others than its owner may open. One that is not there
// is told by whoever looks at it.
func (d *doctor) private(area, path string) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Mode().Perm()&0o077 != 0:
		d.bad(area, "chmod 600 "+quoted(path)+", and think of who may have read it", "%s can be opened by others than its owner (mode %04o)", path, info.Mode().Perm())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		d.bad(area, "run this as the server's user, and see that it may read the file", "%v", err)
	}
}
