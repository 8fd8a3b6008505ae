//go:build unix

package move_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// A number that PostgreSQL's column cannot hold is named, whatever stands before it,
// and once it is mended the move goes on.
func TestMoveOfTooLargeANumber(t *testing.T) {
	from, to := inFile(t), inPostgres(t)
	from.use(t, func(s auth.Store) { populate(t, s) })
	from.exec(t, "UPDATE sessions SET uses = uses + 1099511627776 WHERE id = 4")
	_, err := runMove(t, from, to, nil)
	if !errors.Is(err, auth.ErrInvalid) || errors.Is(err, auth.ErrBusy) {
		t.Errorf("it is refused with %v", err)
	}
	for _, want := range []string{"table sessions, key 4: column uses holds 10995116277", "no more than 2147483647"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	from.exec(t, "UPDATE sessions SET uses = uses - 1099511627776 WHERE id = 4")
	mustMove(t, from, to)
}
