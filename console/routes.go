package console

import "github.com/sallyport/sallyport/admin/api"

// route is a page. Every one but the sign-in needs a session; one with an operation
// needs the role for it, and whoever has not is refused as the operation itself would.
type route struct {
	pattern    string
	op         *api.Operation
	run        func(*visit) error
	open       bool // to whoever is not signed in
	factorless bool // to whoever has yet to enrol a second factor
	tokenless  bool // it changes nothing, however it is asked for
}

// routes are all pages. A form is shown and taken at one address. Where an operation has
// a dry run, the form shows what that says, and whoever may ask for it may look.
func routes() (list []route) {
	page := func(path string, op *api.Operation, run func(*visit) error) {
		if op.DryRun != "" {
			looked := *op
			looked.Right = op.DryRun
			op = &looked
		}
		list = append(list, route{pattern: "GET " + path, op: op, run: run})
	}
	act := func(path string, op *api.Operation, run func(*visit) error) {
		list = append(list, route{pattern: "POST " + path, op: op, run: run})
	}
	both := func(path string, op *api.Operation, run func(*visit) error) {
		page(path, op, run)
		act(path, op, run)
	}
	for _, method := range []string{"GET ", "POST "} {
		list = append(list,
			route{pattern: method + signInPath, run: (*visit).signIn, open: true},
			route{pattern: method + factorPath, run: (*visit).factor, factorless: true})
	}
	list = append(list, route{pattern: "POST /sign-out", run: (*visit).signOut, factorless: true})

	page("/{$}", &api.ServerShow.Operation, (*visit).overview)

	page("/accounts", &api.AccountList.Operation, (*visit).accounts)
	both("/accounts/create", &api.AccountCreate.Operation, (*visit).accountCreate)
	page("/accounts/{id}", &api.AccountShow.Operation, (*visit).account)
	both("/accounts/{id}/update", &api.AccountUpdate.Operation, (*visit).accountUpdate)
	both("/accounts/{id}/disable", &api.AccountUpdate.Operation, (*visit).accountDisable)
	act("/accounts/{id}/enable", &api.AccountUpdate.Operation, (*visit).accountEnable)
	both("/accounts/{id}/delete", &api.AccountDelete.Operation, (*visit).accountDelete)

	page("/keys", &api.KeyList.Operation, (*visit).keys)
	both("/keys/create", &api.KeyCreate.Operation, (*visit).keyCreate)
	page("/keys/{id}", &api.KeyShow.Operation, (*visit).key)
	both("/keys/{id}/rotate", &api.KeyRotate.Operation, (*visit).keyRotate)
	both("/keys/{id}/update", &api.KeyUpdate.Operation, (*visit).keyUpdate)
	both("/keys/{id}/disable", &api.KeyUpdate.Operation, (*visit).keyDisable)
	act("/keys/{id}/enable", &api.KeyUpdate.Operation, (*visit).keyEnable)
	both("/keys/{id}/delete", &api.KeyDelete.Operation, (*visit).keyDelete)

	page("/users", &api.UserList.Operation, (*visit).users)
	both("/users/create", &api.UserCreate.Operation, (*visit).userCreate)
	page("/users/{id}", &api.UserShow.Operation, (*visit).user)
	both("/users/{id}/update", &api.UserUpdate.Operation, (*visit).userUpdate)
	both("/users/{id}/set-password", &api.UserPassword.Operation, (*visit).userSetPassword)
	both("/users/{id}/deactivate", &api.UserUpdate.Operation, (*visit).userDeactivate)
	act("/users/{id}/activate", &api.UserUpdate.Operation, (*visit).userActivate)
	both("/users/{id}/remove-factor", &api.UserUpdate.Operation, (*visit).userRemoveFactor)
	both("/users/{id}/delete", &api.UserDelete.Operation, (*visit).userDelete)

	page("/apps", &api.AppList.Operation, (*visit).apps)
	both("/apps/create", &api.AppCreate.Operation, (*visit).appCreate)
	both("/apps/{key}/update", &api.AppUpdate.Operation, (*visit).appUpdate)
	both("/apps/{key}/delete", &api.AppDelete.Operation, (*visit).appDelete)

	page("/policies", &api.PolicyList.Operation, (*visit).policies)
	both("/policies/create", &api.PolicyCreate.Operation, (*visit).policyCreate)
	both("/policies/{name}/update", &api.PolicyUpdate.Operation, (*visit).policyUpdate)
	both("/policies/{name}/delete", &api.PolicyDelete.Operation, (*visit).policyDelete)

	page("/sessions", &api.SessionList.Operation, (*visit).sessions)
	page("/sessions/{id}", &api.SessionShow.Operation, (*visit).sessionShow)
	act("/sessions/{id}/end", &api.SessionEnd.Operation, (*visit).sessionEnd)
	both("/sessions/end-all", &api.SessionEndAll.Operation, (*visit).sessionEndAll)

	page("/locks", &api.LockList.Operation, (*visit).locks)
	act("/locks/lift", &api.LockLift.Operation, (*visit).lockLift)

	page("/audit", &api.AuditSearch.Operation, (*visit).audit)
	page("/audit/export.csv", &api.AuditExport.Operation, (*visit).auditExport)
	page("/audit/verify", &api.AuditVerify.Operation, (*visit).auditVerify)

	page("/usage", &api.UsageList.Operation, (*visit).usage)
	page("/dialects", &api.ServerShow.Operation, (*visit).dialects)
	return list
}
