package api

import "net/http"

// The operations.
var (
	AccountList   = op[AccountQuery, List[Account]]("account list", http.MethodGet, "/accounts", Read, "Lists accounts: all in reach, those in a subtree, or those right below one.")
	AccountShow   = op[ByID, Account]("account show", http.MethodGet, "/accounts/{id}", Read, "Shows an account.")
	AccountCreate = op[NewAccount, Account]("account create", http.MethodPost, "/accounts", Write, "Adds a tenant, or an organization or division below another account.")
	AccountUpdate = op[AccountChange, Account]("account update", http.MethodPatch, "/accounts/{id}", Write, "Changes an account. Disabling it ends the sessions of all below it.")
	AccountDelete = op[Removal, Deleted]("account delete", http.MethodDelete, "/accounts/{id}", Write, "Deletes an account in which nothing is left.")

	KeyList   = op[MemberQuery, List[Key]]("key list", http.MethodGet, "/keys", Read, "Lists API keys.")
	KeyShow   = op[ByID, Key]("key show", http.MethodGet, "/keys/{id}", Read, "Shows an API key, without its secret, which nobody knows.")
	KeyCreate = op[NewKey, KeyWithSecret]("key create", http.MethodPost, "/keys", Write, "Makes an API key and shows its secret this once.")
	KeyRotate = op[KeyRotation, KeyWithSecret]("key rotate", http.MethodPost, "/keys/{id}/rotate", Write,
		"Makes a key in place of another and shows its secret this once. The old one and its sessions live on until the overlap is over.")
	KeyUpdate = op[KeyChange, Key]("key update", http.MethodPatch, "/keys/{id}", Write, "Changes an API key. Disabling it ends its sessions; so does, when it comes, an end that is set.")
	KeyDelete = op[Removal, Deleted]("key delete", http.MethodDelete, "/keys/{id}", Write, "Deletes an API key and ends its sessions.")

	UserList     = op[UserQuery, List[User]]("user list", http.MethodGet, "/users", Read, "Lists users.")
	UserShow     = op[ByID, User]("user show", http.MethodGet, "/users/{id}", Read, "Shows a user.")
	UserCreate   = op[NewUser, User]("user create", http.MethodPost, "/users", Write, "Adds a user.")
	UserUpdate   = op[UserChange, User]("user update", http.MethodPatch, "/users/{id}", Write, "Changes a user. Deactivating ends the sessions.")
	UserPassword = op[NewPassword, Deleted]("user set-password", http.MethodPut, "/users/{id}/password", Write, "Sets a user's password and ends the sessions.")
	UserDelete   = op[Removal, Deleted]("user delete", http.MethodDelete, "/users/{id}", Write, "Deletes a user and ends the sessions.")

	AppList   = op[MemberQuery, List[App]]("app list", http.MethodGet, "/apps", Read, "Lists apps: client programs, named by application keys, which are no secrets.")
	AppCreate = op[NewApp, App]("app create", http.MethodPost, "/apps", Write, "Adds an app.")
	AppUpdate = op[AppChange, App]("app update", http.MethodPatch, "/apps/{key}", Write, "Changes an app.")
	AppDelete = op[AppRemoval, Deleted]("app delete", http.MethodDelete, "/apps/{key}", Write, "Deletes an app.")

	PolicyList   = op[Page, List[Policy]]("policy list", http.MethodGet, "/policies", Read, "Lists policies. They are the whole server's.")
	PolicyCreate = op[NewPolicy, Policy]("policy create", http.MethodPost, "/policies", Write, "Adds a policy. For callers whose role reaches everywhere.")
	PolicyUpdate = op[PolicyChange, Policy]("policy update", http.MethodPatch, "/policies/{name}", Write, "Changes a policy, for sessions that begin from then on. For callers whose role reaches everywhere.")
	PolicyDelete = op[PolicyRemoval, Deleted]("policy delete", http.MethodDelete, "/policies/{name}", Write, "Deletes a policy that no key or user has. For callers whose role reaches everywhere.")

	SessionList   = op[SessionQuery, List[Session]]("session list", http.MethodGet, "/sessions", Read, "Lists sessions, the newest first.")
	SessionShow   = op[ByID, Session]("session show", http.MethodGet, "/sessions/{id}", Read, "Shows a session.")
	SessionEnd    = op[Removal, Ended]("session end", http.MethodDelete, "/sessions/{id}", Write, "Ends a session.")
	SessionEndAll = op[EndAll, Ended]("session end-all", http.MethodPost, "/sessions/end", Write,
		"Ends all sessions of a key, a user, or an account and those below it; or, as a dry run, says how many it would end, which whoever reads sessions may ask.").dryRun(Read)

	LockList = op[LockQuery, List[Lock]]("lock list", http.MethodGet, "/locks", Read, "Lists what is locked, and why.")
	LockLift = op[LockLifting, Lifted]("lock lift", http.MethodPost, "/locks/lift", Write, "Forgets a lock and its failures, or all of a name. Every node obeys within two seconds.")

	AuditSearch = op[AuditQuery, List[Event]]("audit search", http.MethodGet, "/audit", Read,
		"Searches the audit, the newest first. A page looks at a bounded part of it and may be empty though there is a next one.")
	AuditExport = op[AuditRange, Lines]("audit export", http.MethodGet, "/audit/export", Read, "Streams the audit as JSON lines, the oldest first.")
	AuditVerify = op[VerifyQuery, Verified]("audit verify", http.MethodGet, "/audit/verify", Read,
		"Walks the audit's chain and names the first batch that was altered or is missing. For callers whose role reaches everywhere.")

	UsageList = op[UsageQuery, Usage]("usage list", http.MethodGet, "/usage", Read, "Ranks keys and users by logins they did not need, as this node saw them.")

	ServerShow = op[Nothing, Server]("server show", http.MethodGet, "/server", Read, "Shows what runs: version, health, mounts.")
)

// Operations is the table.
func Operations() []*Operation {
	return []*Operation{
		&AccountList.Operation, &AccountShow.Operation, &AccountCreate.Operation, &AccountUpdate.Operation, &AccountDelete.Operation,
		&KeyList.Operation, &KeyShow.Operation, &KeyCreate.Operation, &KeyRotate.Operation, &KeyUpdate.Operation, &KeyDelete.Operation,
		&UserList.Operation, &UserShow.Operation, &UserCreate.Operation, &UserUpdate.Operation, &UserPassword.Operation, &UserDelete.Operation,
		&AppList.Operation, &AppCreate.Operation, &AppUpdate.Operation, &AppDelete.Operation,
		&PolicyList.Operation, &PolicyCreate.Operation, &PolicyUpdate.Operation, &PolicyDelete.Operation,
		&SessionList.Operation, &SessionShow.Operation, &SessionEnd.Operation, &SessionEndAll.Operation,
		&LockList.Operation, &LockLift.Operation,
		&AuditSearch.Operation, &AuditExport.Operation, &AuditVerify.Operation,
		&UsageList.Operation, &ServerShow.Operation,
	}
}
