package gate

import (
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// admission is what a [dialect.Admitter] is to be told.
type admission struct {
	dialect dialect.Admitter
	bearer  auth.Bearer
}

func admissionOf(c *candidate) *admission {
	if c.bearer.Carried == "" { // as nearly always, and then it costs nothing
		return nil
	}
	if d, ok := c.dialect.(dialect.Admitter); ok {
		return &admission{d, c.bearer}
	}
	return nil
}

func (a *admission) write(answer http.Header, call *http.Request) {
	if a != nil {
		a.dialect.Admit(answer, call, &a.bearer)
	}
}
