package console

import (
	"net/url"
	"strconv"
)

// What pages say once something was done. The address carries a word of this list and
// perhaps a number, so that nobody can put words of their own into a page by a link.
var done = map[string]string{
	"factor":       "Your second factor is enrolled. From now on a code of the app is asked for at sign-in.",
	"created":      "Created.",
	"updated":      "Saved.",
	"disabled":     "Disabled, and all its sessions are over.",
	"enabled":      "Enabled.",
	"deactivated":  "Deactivated, and all sessions of the user are over.",
	"activated":    "Activated.",
	"deleted":      "Deleted.",
	"password":     "The password is set, and all sessions of the user are over.",
	"factorless":   "The second factor is removed.",
	"ended":        "Ended. Calls with its token are refused from now on.",
	"lifted":       "Lifted. Every node obeys within two seconds.",
	"nothing-done": "There was nothing left to do.",
}

// did is what a page says about what was just done.
func did(q url.Values) string {
	text := done[q.Get("did")]
	if n, err := strconv.Atoi(q.Get("n")); err == nil && n >= 0 && text != "" {
		text += " Sessions ended: " + count(n) + "."
	}
	return text
}
