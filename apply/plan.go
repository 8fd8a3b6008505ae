package apply

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// Target is what a file is applied to: an [auth.Store], or an [*auth.Service]
// whose own memory then learns of the changes at once.
type Target interface {
	View(context.Context, func(auth.Reader) error) error
	Update(context.Context, func(auth.Tx) error) error
}

// Options say how a file is applied. Only Keys is required.
type Options struct {
	Keys   *secret.Keys
	Hasher *secret.Hasher // nil: one of its own
	Clock  auth.Clock     // nil: auth.SystemClock
	Actor  string         // who applies it, for the audit; "": apply
}

// Plan is what applying a file to a target would change.
type Plan struct {
	to   Target
	file *File
	o    Options

	lines   []string // what is to be done, for people
	changes []Change // the same
	remarks []string // what people should know besides
	same    int      // entries that are as the file says

	verdicts map[verdict]bool // compared passwords
	hash     []*user          // whose password has to be hashed
	generate []wanted         // whose secret has to be made

	hashes  map[*user]string
	secrets map[*key]string
}

// Make compares a file with a target and writes nothing. What is wrong with the
// file (an unknown policy, a number that another account has) is told with its
// lines; that error wraps [strict.ErrFile].
func Make(ctx context.Context, to Target, f *File, o Options) (*Plan, error) {
	if to == nil || f == nil || o.Keys == nil {
		return nil, fmt.Errorf("%w: applying needs a target, a file and a key set", auth.ErrInvalid)
	}
	if o.Hasher == nil {
		o.Hasher = secret.NewHasher(0, 0)
	}
	if o.Clock == nil {
		o.Clock = auth.SystemClock
	}
	o.Actor = cmp.Or(o.Actor, "apply")
	p := &Plan{to: to, file: f, o: o, verdicts: map[verdict]bool{}, hashes: map[*user]string{}, secrets: map[*key]string{}}
	for range attempts {
		w, err := p.look(ctx)
		if err != nil {
			return nil, fmt.Errorf("comparing the file with what there is: %w", err)
		}
		if len(w.pending) == 0 {
			p.lines, p.changes, p.remarks, p.same, p.hash, p.generate = w.lines(), w.changes(), w.remarks, w.same, w.hash, w.generate
			return p, nil
		}
		// Passwords are compared outside of the snapshot, and then everything anew.
		if err := p.judge(ctx, w.pending); err != nil {
			return nil, fmt.Errorf("comparing passwords: %w", err)
		}
	}
	return nil, fmt.Errorf("comparing the file with what there is: passwords keep changing: %w", auth.ErrConflict)
}

// attempts bounds how often a comparison begins anew because a password was
// changed while it was compared.
const attempts = 5

func (p *Plan) look(ctx context.Context) (w *walk, err error) {
	err = p.to.View(ctx, func(r auth.Reader) error {
		w = newWalk(p, r)
		if err := w.file(); err != nil {
			return err
		}
		return w.stillNamed()
	})
	return w, err
}

// Empty says that there is nothing to do.
func (p *Plan) Empty() bool { return len(p.lines) == 0 }

// Change is one entry of what a plan does.
type Change struct {
	Action string   `json:"action"` // create, change or remove
	What   string   `json:"what"`   // tenant, organization, division, key, app, user or policy
	Path   string   `json:"path"`   // which one, such as ACME/123456/main
	Notes  []string `json:"notes,omitempty"`
}

// Changes are what is to be done, in the order in which it is.
func (p *Plan) Changes() []Change { return slices.Clone(p.changes) }

// Remarks are what people should know besides.
func (p *Plan) Remarks() []string { return slices.Clone(p.remarks) }

// Unchanged is how many entries are as the file says.
func (p *Plan) Unchanged() int { return p.same }

// Generates names the API keys, such as ACME/123456/main, whose secret Execute
// would make.
func (p *Plan) Generates() (keys []string) {
	for _, g := range p.generate {
		keys = append(keys, g.account+"/"+g.key.Name)
	}
	return keys
}

// Write writes the difference for people: a line for each entry to create (+),
// change (~) or remove (-), remarks (!), and how many entries are right already
// (=). It holds no secret.
func (p *Plan) Write(w io.Writer) error {
	var b strings.Builder
	for _, l := range p.lines {
		b.WriteString(l + "\n")
	}
	for _, l := range p.remarks {
		b.WriteString("! " + l + "\n")
	}
	fmt.Fprintf(&b, "= %d unchanged\n", p.same)
	_, err := io.WriteString(w, b.String())
	return err
}
