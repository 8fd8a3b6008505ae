package gate

import (
	"context"

	"github.com/sallyport/sallyport/auth"
)

// count tells what became of a call at one of the faces. It is called once a
// call, with the decision that is answered.
func (g *Gate) count(ctx context.Context, face auth.Face, d *decision) {
	reason := outcome(d)
	g.o.Service.Verdict(face, d.session.ID, reason)
	if g.o.Verdict != nil {
		g.o.Verdict(ctx, face, d.session.Dialect, reason)
	}
}

// outcome is the reason of a refusal, "" for a yes, and "none" where no dialect
// was asked.
func outcome(d *decision) auth.Reason {
	switch {
	case d.err == nil:
		return ""
	case d.dialect == nil:
		return "none"
	}
	return auth.RefusalOf(d.err).Reason
}
