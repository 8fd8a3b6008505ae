package config

import (
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
)

// Mount is one dialect: where it is served, for whom, with which rules.
type Mount struct {
	strict.Mark
	Name    string     `yaml:"name"` // the dialect's if not stated
	Dialect string     `yaml:"dialect"`
	Hosts   []string   `yaml:"hosts"`  // lower case, without port; empty: every host
	Prefix  string     `yaml:"prefix"` // "/" or such as "/api", without a slash at its end
	URL     string     `yaml:"url"`    // where clients reach it, https and a host, perhaps a port; "": as hosts say. For commands to paste
	Tenant  string     `yaml:"tenant"` // code; "": every tenant
	Policy  *Policy    `yaml:"policy"` // nil: the one that the vendor documents
	Lockout Lockout    `yaml:"lockout"`
	Rate    Rate       `yaml:"rate"`
	FairUse FairUse    `yaml:"fair_use"`
	Options strict.Raw `yaml:"options"` // see DecodeOptions
}

// Policy is how long a session lives. Its limits compose.
type Policy struct {
	Span        time.Duration `yaml:"span"`          // ends so long after the login
	Idle        time.Duration `yaml:"idle"`          // ends when unused for so long, span at the latest
	Uses        int           `yaml:"uses"`          // ends after so many checks
	ExpireOnNew bool          `yaml:"expire_on_new"` // a new login of the same key or user ends it
	Never       bool          `yaml:"never"`         // does not end by time
}

// Auth is the policy as the core has it.
func (p Policy) Auth(name string) auth.Policy {
	return auth.Policy{Name: name, Span: p.Span, Idle: p.Idle, Uses: p.Uses, ExpireOnNew: p.ExpireOnNew, Never: p.Never}
}

// Lockout says when failed logins lock. What the file does not state is the
// dialect's to say: ask [Mount.Has] for "lockout.names" and "lockout.addresses".
type Lockout struct {
	Names     Failures `yaml:"names"`     // by claimed name, known or not
	Addresses Failures `yaml:"addresses"` // by client address, across all names
}

// Failures is how many failures within a window lock for how long.
type Failures struct {
	Failures int           `yaml:"failures"` // 0: none do
	Window   time.Duration `yaml:"window"`
	Lock     time.Duration `yaml:"lock"`
}

// Rate is how many logins one client address may try within a window, right ones
// too. If the file does not state it, it is the dialect's to say.
type Rate struct {
	Attempts int           `yaml:"attempts"` // 0: any number
	Window   time.Duration `yaml:"window"`
}

// FairUse bounds logins while an earlier session is still alive. If the file does
// not state it, it is the dialect's to say.
type FairUse struct {
	LoginsPerHour int    `yaml:"logins_per_hour"` // 0: no budget
	Answer        string `yaml:"answer" enum:"report|warn|delay|refuse"`
	Throttle      bool   `yaml:"throttle"` // true: the same as answer: refuse
}

func (f FairUse) auth() auth.FairUse {
	a := auth.FairUse{Logins: f.LoginsPerHour}
	switch {
	case f.Throttle:
		a.Answer = auth.AnswerRefuse
	case f.Answer != "report":
		a.Answer = auth.FairAnswer(f.Answer)
	}
	return a
}

// SetDefaults sets what is zero to its default, but for the name, which is the
// dialect's.
func (m *Mount) SetDefaults() {
	def(&m.Prefix, "/")
	def(&m.Lockout.Names, Failures{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute})
	def(&m.Lockout.Addresses, Failures{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute})
	def(&m.Rate.Window, time.Minute)
	def(&m.FairUse, FairUse{LoginsPerHour: 60})
	def(&m.FairUse.Answer, "report")
}

// Auth is the mount as the core has it. Its policy is the zero one when the
// configuration does not state any; what the dialect's options say is not in it.
func (m *Mount) Auth() auth.Mount {
	a := auth.Mount{
		Name: m.Name, Dialect: m.Dialect, Tenant: m.Tenant,
		Names:     auth.Limits(m.Lockout.Names),
		Addresses: auth.Limits(m.Lockout.Addresses),
		Rate:      auth.Rate(m.Rate),
		FairUse:   m.FairUse.auth(),
	}
	if m.Policy != nil {
		a.Policy = m.Policy.Auth("")
	}
	return a
}

// DecodeOptions decodes the mount's options into the struct of the dialect's
// that into points to, as strictly as the rest of the file: fields are named by
// their yaml tags, else in snake case. What is not stated stays as it is. A dialect
// without options has to be asked too, with a struct without fields: nobody else
// finds the field that does not exist.
func (m *Mount) DecodeOptions(into any) error { return m.Options.Decode(into) }
