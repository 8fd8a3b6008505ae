package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
)

// auditKinds are the kinds of events to choose from.
var auditKinds = []audit.Kind{audit.Login, audit.Refusal, audit.Lock, audit.Logout, audit.Revocation, audit.HandOff, audit.FairUse, audit.Change, audit.Export}

// auditPage is what was found in the audit.
type auditPage struct {
	Filter url.Values // as it was sent
	Kinds  []audit.Kind
	Items  []api.Event
	Next   string
	Export string // the page that exports what is asked for
	Narrow bool   // something is asked for
}

// filterFields are the filters, by the names of the API.
var filterFields = []string{"kind", "tenant", "account", "subject", "actor", "dialect", "mount", "source", "request", "reason", "session", "since", "until"}

// filter reads what events are asked for.
func (v *visit) filter() (f api.EventFilter, err error) {
	q := v.r.URL.Query()
	text := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	f = api.EventFilter{Kind: text("kind"), Tenant: text("tenant"), Account: text("account"), Subject: text("subject"), Actor: text("actor"),
		Dialect: text("dialect"), Mount: text("mount"), Source: text("source"), Request: text("request"), Reason: text("reason")}
	if f.Session, err = integer(q, "session"); err != nil {
		return f, err
	}
	since, err := at(q, "since")
	if err != nil {
		return f, err
	}
	until, err := at(q, "until")
	if err != nil {
		return f, err
	}
	if since != nil {
		f.Since = *since
	}
	if until != nil {
		f.Until = *until
	}
	return f, nil
}

// audit searches the audit.
func (v *visit) audit() error {
	f, err := v.filter()
	if err != nil {
		return err
	}
	list, err := ask(v, (*admin.Admin).AuditSearch, api.AuditQuery{Page: api.Page{After: v.r.FormValue("after"), Limit: perPage}, EventFilter: f})
	if err != nil {
		return err
	}
	kept := url.Values{}
	for _, name := range filterFields {
		if value := v.r.URL.Query().Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	v.show(http.StatusOK, "audit", "Audit", &auditPage{Filter: kept, Kinds: auditKinds, Items: list.Items, Next: list.Next, Export: (&url.URL{Path: "/audit/export.csv", RawQuery: kept.Encode()}).String(), Narrow: len(kept) > 0})
	return nil
}

// auditVerify walks the chain, as far as one call goes.
func (v *visit) auditVerify() error {
	out, err := ask(v, (*admin.Admin).AuditVerify, api.VerifyQuery{After: v.r.FormValue("after"), Head: v.r.FormValue("head")})
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "verify", "Verify the audit", out)
	return nil
}
