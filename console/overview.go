package console

import (
	"net/http"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// overviewPage is how things stand.
type overviewPage struct {
	Server   api.Server
	Charts   []mountCharts
	Quiet    []string // dialects at which nothing happened
	Total    []chart
	Sessions string
	Locks    []api.Lock
	MoreLock bool
	Usage    []api.UsageRow
	Events   []api.Event
}

// manySessions is as far as live sessions are counted for the overview.
const manySessions = 500

// overview shows how things stand.
func (v *visit) overview() (err error) {
	p := &overviewPage{}
	if p.Server, err = ask(v, (*admin.Admin).ServerShow, api.Nothing{}); err != nil {
		return err
	}
	if v.by.Everywhere {
		p.Total, p.Charts, p.Quiet = v.sampler.charts(v.service.Stats(), v.titles())
	}
	live, err := ask(v, (*admin.Admin).SessionList, api.SessionQuery{Live: true, Page: api.Page{Limit: manySessions}})
	if err != nil {
		return err
	}
	if p.Sessions = count(len(live.Items)); live.Next != "" {
		p.Sessions += "+"
	}
	locks, err := ask(v, (*admin.Admin).LockList, api.LockQuery{Page: api.Page{Limit: 5}})
	if err != nil {
		return err
	}
	p.Locks, p.MoreLock = locks.Items, locks.Next != ""
	use, err := ask(v, (*admin.Admin).UsageList, api.UsageQuery{Limit: 5})
	if err != nil {
		return err
	}
	for _, row := range use.Items {
		if row.WhileLive > 0 || row.Refused > 0 {
			p.Usage = append(p.Usage, row)
		}
	}
	events, err := ask(v, (*admin.Admin).AuditSearch, api.AuditQuery{Page: api.Page{Limit: 8}})
	if err != nil {
		return err
	}
	p.Events = events.Items
	v.show(http.StatusOK, "overview", "Overview", p)
	return nil
}

// titles are what dialects are called.
func (c *Console) titles() map[string]string {
	m := map[string]string{}
	for _, d := range c.o.Dialects {
		m[d.Name] = d.Title
	}
	return m
}
