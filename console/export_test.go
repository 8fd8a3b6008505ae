package console

import "github.com/sallyport/sallyport/admin/api"

// Route is a page, for tests that walk all of them.
type Route struct {
	Pattern          string
	Op               *api.Operation
	Open, Factorless bool
}

// Routes are all pages.
func Routes() (list []Route) {
	for _, rt := range routes() {
		list = append(list, Route{rt.pattern, rt.op, rt.open, rt.factorless})
	}
	return list
}

// For tests of their own.
var (
	Inert = inert
	Local = local
	Count = count
	Ago   = ago
)
