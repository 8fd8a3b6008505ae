package console

import (
	"net/http"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// locksPage is what is locked, or will be.
type locksPage struct {
	Query api.LockQuery
	Items []api.Lock
	Next  string
}

// locks lists locks.
func (v *visit) locks() error {
	p := &locksPage{Query: api.LockQuery{Page: api.Page{After: v.r.FormValue("after"), Limit: perPage},
		Name: v.r.FormValue("name"), Failures: v.r.FormValue("failures") != ""}}
	list, err := ask(v, (*admin.Admin).LockList, p.Query)
	if err != nil {
		return err
	}
	p.Items, p.Next = list.Items, list.Next
	v.show(http.StatusOK, "locks", "Locks", p)
	return nil
}

// lockLift lifts a lock.
func (v *visit) lockLift() error {
	n, err := ask(v, (*admin.Admin).LockLift, api.LockLifting{Lock: v.r.PostForm.Get("lock"), Note: note(v.r.PostForm)})
	if err != nil {
		return err
	}
	if n.Lifted == 0 {
		return v.see("/locks?did=nothing-done")
	}
	return v.see("/locks?did=lifted")
}
