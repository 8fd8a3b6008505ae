package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// life is a policy in words.
func life(l *api.Life) string {
	var parts []string
	if l.Idle > 0 {
		parts = append(parts, l.Idle.String()+" unused")
	}
	if l.Span > 0 {
		parts = append(parts, l.Span.String()+" from login")
	}
	if l.Uses > 0 {
		parts = append(parts, count(l.Uses)+" calls")
	}
	if l.ExpireOnNew {
		parts = append(parts, "until the next login")
	}
	if l.Never {
		parts = append(parts, "no end by time")
	}
	if len(parts) == 0 {
		return "not stated"
	}
	return strings.Join(parts, ", ")
}

// policyRow is a policy in the list.
type policyRow struct{ Name, Life string }

// policies lists policies.
func (v *visit) policies() error {
	list, err := ask(v, (*admin.Admin).PolicyList, api.Page{After: v.r.FormValue("after"), Limit: perPage})
	if err != nil {
		return err
	}
	rows := make([]policyRow, len(list.Items))
	for i := range list.Items {
		rows[i] = policyRow{list.Items[i].Name, life(&list.Items[i].Life)}
	}
	v.show(http.StatusOK, "policies", "Policies", &membersPage{nil, rows, list.Next})
	return nil
}

func lifeFields(l *api.Life) []*field {
	text := func(s api.Span) string {
		if s == 0 {
			return ""
		}
		return s.String()
	}
	uses := ""
	if l.Uses != 0 {
		uses = strconv.Itoa(l.Uses)
	}
	return []*field{
		{Name: "span", Label: "Span", Value: text(l.Span), Hint: "From login to end, such as 20m, 12h, 7d or 1y."},
		{Name: "idle", Label: "Idle", Value: text(l.Idle), Hint: "Ends when unused for so long. Needs a span as its cap."},
		{Name: "uses", Label: "Uses", Value: uses, Hint: "Calls that it is good for. Empty: any number."},
		{Name: "expire_on_new", Label: "A new login ends it", Type: "check", Value: box(l.ExpireOnNew)},
		{Name: "never", Label: "It does not end by time", Type: "check", Value: box(l.Never)},
	}
}

func lifeOf(in url.Values) (l api.Life, err error) {
	spanOf, err := span(in, "span")
	if err != nil {
		return l, err
	}
	idle, err := span(in, "idle")
	if err != nil {
		return l, err
	}
	uses, err := integer(in, "uses")
	if err != nil {
		return l, err
	}
	if spanOf != nil {
		l.Span = *spanOf
	}
	if idle != nil {
		l.Idle = *idle
	}
	l.Uses, l.ExpireOnNew, l.Never = int(uses), ticked(in, "expire_on_new"), ticked(in, "never")
	return l, nil
}

// policyCreate adds a policy.
func (v *visit) policyCreate() error {
	f := &form{Title: "New policy", Intro: "How long a session lives. The limits add up: it ends at the first of them.", Submit: "Create policy", Back: "/policies",
		Fields: append([]*field{{Name: "name", Label: "Name", Required: true, Off: true}}, lifeFields(&api.Life{})...)}
	return v.submit(f, func(in url.Values) error {
		l, err := lifeOf(in)
		if err != nil {
			return err
		}
		if _, err := ask(v, (*admin.Admin).PolicyCreate, api.NewPolicy{Policy: api.Policy{Name: strings.TrimSpace(in.Get("name")), Life: l}, Note: note(in)}); err != nil {
			return err
		}
		return v.see("/policies?did=created")
	})
}

// namedPolicy finds the policy of the path.
func (v *visit) namedPolicy(title, submit string) (*form, *api.Policy, error) {
	list, err := ask(v, (*admin.Admin).PolicyList, api.Page{Limit: api.MaxLimit})
	if err != nil {
		return nil, nil, err
	}
	for i := range list.Items {
		if p := &list.Items[i]; p.Name == v.r.PathValue("name") {
			return &form{Title: title, Submit: submit, Back: "/policies", Facts: []fact{{"Policy", p.Name}}}, p, nil
		}
	}
	return nil, nil, errNowhere
}

// policyUpdate changes a policy.
func (v *visit) policyUpdate() error {
	f, p, err := v.namedPolicy("Edit policy", "Save")
	if err != nil {
		return err
	}
	f.Intro, f.Fields = "For sessions that begin from then on.", lifeFields(&p.Life)
	return v.submit(f, func(in url.Values) error {
		l, err := lifeOf(in)
		if err != nil {
			return err
		}
		if _, err := ask(v, (*admin.Admin).PolicyUpdate, api.PolicyChange{Name: p.Name, Span: &l.Span, Idle: &l.Idle, Uses: &l.Uses,
			ExpireOnNew: &l.ExpireOnNew, Never: &l.Never, Note: note(in)}); err != nil {
			return err
		}
		return v.see("/policies?did=updated")
	})
}

// policyDelete deletes a policy.
func (v *visit) policyDelete() error {
	f, p, err := v.namedPolicy("Delete policy", "Delete")
	if err != nil {
		return err
	}
	f.Danger, f.Intro = true, "No key or user may have it any more."
	return v.submit(f, func(in url.Values) error {
		if _, err := ask(v, (*admin.Admin).PolicyDelete, api.PolicyRemoval{Name: p.Name, NoteGone: noteGone(in)}); err != nil {
			return err
		}
		return v.see("/policies?did=deleted")
	})
}
