package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
)

// walk compares one file with one snapshot, and collects the steps that make
// them alike. Reading and writing are apart: all steps are known before the
// first is taken.
type walk struct {
	p      *Plan
	r      auth.Reader
	now    time.Time // of all that it writes
	errs   strict.Errors
	broken error // of the store

	policies map[string]bool           // that keys and users may name
	undo     map[string]*policy        // stored ones that are removed
	freed    map[auth.PrincipalID]bool // keys and users that are removed, or name another policy than is stored

	define, remove, put, undefine []*step // in the order in which they are taken

	remarks  []string // for people
	same     int
	pending  []verdict
	hash     []*user
	generate []wanted
	looked   map[*account]*auth.Account

	goneKeys  map[auth.PrincipalID]bool
	goneCount map[auth.AccountID]int // members that are removed, by account
}

// wanted is a key whose secret has to be made.
type wanted struct {
	key     *key
	account string
}

// step is one entry to create, change or remove.
type step struct {
	sign  string // + ~ -
	what  string // of which kind, such as "key"
	path  string // which one, such as ACME/123456/main
	notes []string
	event audit.Event
	do    func(tx auth.Tx) error
	end   func() auth.End // sessions to end, of what is in the store already; nil: none
	why   auth.EndReason
}

// String is the step's line for people.
func (s *step) String() string {
	l := s.sign + " " + s.what + " " + s.path
	if len(s.notes) > 0 {
		l += ": " + strings.Join(s.notes, ", ")
	}
	return l
}

func newWalk(p *Plan, r auth.Reader) *walk {
	return &walk{p: p, r: r, now: p.o.Clock().UTC().Truncate(time.Microsecond), policies: map[string]bool{}, undo: map[string]*policy{}, freed: map[auth.PrincipalID]bool{},
		looked:   map[*account]*auth.Account{},
		goneKeys: map[auth.PrincipalID]bool{}, goneCount: map[auth.AccountID]int{}}
}

func (w *walk) steps() []*step { return slices.Concat(w.define, w.remove, w.put, w.undefine) }

func (w *walk) lines() (list []string) {
	for _, s := range w.steps() {
		list = append(list, s.String())
	}
	return list
}

// actions are the signs of steps in words.
var actions = map[string]string{"+": "create", "~": "change", "-": "remove"}

func (w *walk) changes() (list []Change) {
	for _, s := range w.steps() {
		list = append(list, Change{Action: actions[s.sign], What: s.what, Path: s.path, Notes: s.notes})
	}
	return list
}

// file compares everything. Its error is the store's or the file's.
func (w *walk) file() error {
	w.allPolicies()
	for i := range w.p.file.tenants {
		w.removeAccount(&w.p.file.tenants[i], nil)
	}
	for i := range w.p.file.tenants {
		w.account(&w.p.file.tenants[i], auth.Tenant, nil)
	}
	if w.broken != nil {
		return w.broken
	}
	return w.errs.Err()
}

// found sorts out what a look-up of the store returned.
func (w *walk) found(err error) bool {
	if err != nil && !errors.Is(err, auth.ErrNotFound) && w.broken == nil {
		w.broken = err
	}
	return err == nil
}

// add lists a step that creates, or changes what is noted.
func (w *walk) add(list *[]*step, s *step, there bool) {
	switch {
	case !there:
		s.sign, s.notes = "+", nil
	case len(s.notes) > 0:
		s.sign = "~"
	default:
		w.same++
		return
	}
	*list = append(*list, s)
}

// remark is a line that is no change.
func (w *walk) remark(format string, args ...any) {
	w.remarks = append(w.remarks, fmt.Sprintf(format, args...))
}

// note sets a field and notes the change.
func note[T comparable](s *step, name string, field *T, value T) {
	if *field != value {
		s.notes = append(s.notes, fmt.Sprintf("%s: %s -> %s", name, show(*field), show(value)))
		*field = value
	}
}

// stated is note, if the file states the field.
func stated[T comparable](s *step, m strict.Mark, name string, field *T, value T) {
	if m.Has(name) {
		note(s, name, field, value)
	}
}

// show writes a value short enough for a line.
func show(v any) string {
	t := fmt.Sprint(v)
	switch {
	case t == "":
		return "none"
	case len(t) > 120:
		return strings.ToValidUTF8(t[:120], "") + "..."
	}
	return t
}
