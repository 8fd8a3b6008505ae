package console

import (
	"net/http"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// usagePage ranks who logs in without need.
type usagePage struct {
	api.Usage
	Account *api.Account
}

// usage shows the ranking.
func (v *visit) usage() error {
	_, a, err := v.members()
	if err != nil {
		return err
	}
	q := api.UsageQuery{Limit: 200}
	if a != nil {
		q.Account = a.ID
	}
	list, err := ask(v, (*admin.Admin).UsageList, q)
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "usage", "Fair use", &usagePage{list, a})
	return nil
}
