package domainpunch

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/auth"
)

// Options are what a mount may configure.
type Options struct {
	// Cookie is the name of the session's cookie, PHP's session.name.
	Cookie string `yaml:"cookie"`

	// URL is where clients find the scripts, as the answer to a login tells it:
	// "https://wmd.example.com/sed/". "": as the request's Host and path say.
	URL string `yaml:"url"`

	// Legacy answers as versions 4 and 5 do: fewer fields, no etoken, and no
	// api-sl.php.
	Legacy bool `yaml:"legacy"`

	// HTTP401 answers calls of api.php without a live session with status 401
	// instead of 200. The body is the same.
	HTTP401 bool `yaml:"http_401"`

	// EtokenExpiry is the vendor's $api_sl_token_expiry: for how many seconds
	// after the login its etoken is accepted.
	EtokenExpiry int `yaml:"etoken_expiry"`

	// EtokenOnce accepts each etoken once. The vendor cannot enforce that, and
	// clients that send it with every request fail at the second.
	EtokenOnce bool `yaml:"etoken_once"`

	// ServerID is what an etoken is bound to besides its session. It has to be the
	// same at every node that serves the mount; the mount's name unless set.
	ServerID string `yaml:"server_id"`

	// SecondFactorGroups are groups whose users need a second factor. The API
	// cannot ask for one, so that they are refused.
	SecondFactorGroups []string `yaml:"second_factor_groups"`

	// LockBlocksTokens makes a lock stop the user's sessions as well. Whoever
	// knows a user's name can then cut the user off.
	LockBlocksTokens bool `yaml:"lock_blocks_tokens"`
}

// Limits of the options.
const (
	maxExpiry   = 24 * 60 * 60 // seconds
	maxServerID = 64           // bytes, so that an etoken stays below maxBearer
	maxCookie   = 64           // bytes
)

func (o *Options) validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", auth.ErrInvalid, fmt.Sprintf(format, args...))
	}
	if o.Cookie == "" || len(o.Cookie) > maxCookie || strings.Trim(o.Cookie, "0123456789") == "" || strings.ContainsFunc(o.Cookie, notInCookie) {
		return bad("cookie is %q: must be letters, digits, - and _, not digits alone", o.Cookie)
	}
	if o.EtokenExpiry < 1 || o.EtokenExpiry > maxExpiry {
		return bad("etoken_expiry is %d: must be 1 to %d seconds", o.EtokenExpiry, maxExpiry)
	}
	if o.ServerID == "" || len(o.ServerID) > maxServerID || strings.Contains(o.ServerID, separator) || strings.ContainsFunc(o.ServerID, unprintable) {
		return bad("server_id must be 1 to %d printable characters without a semicolon", maxServerID)
	}
	if o.URL != "" {
		u, err := url.Parse(o.URL)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !strings.HasSuffix(u.Path, "/") {
			return bad("url must be https://host/path/ with a slash at its end")
		}
	}
	for _, g := range o.SecondFactorGroups {
		if g == "" {
			return bad("second_factor_groups holds an empty name")
		}
	}
	return nil
}

func notInCookie(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
}

func unprintable(c rune) bool { return c <= ' ' || c > '~' }
