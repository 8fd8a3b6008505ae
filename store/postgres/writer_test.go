package postgres

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// TestGiveUp: whoever came while a commit found the database away is answered then, and
// does not wait for as many tries as there are groups.
func TestGiveUp(t *testing.T) {
	q := newQueue()
	const waiting = 3*maxGroup + 1
	results := make(chan error, waiting)
	for range waiting {
		go func() {
			_, err := q.apply(t.Context(), &auth.WriteSet{})
			results <- err
		}()
	}
	w := &writer{queue: q}
	for n := 0; n < waiting; {
		w.giveUp()
		select {
		case err := <-results:
			n++
			if !errors.Is(err, ErrUnreachable) {
				t.Fatal(err)
			}
		default:
		}
	}
	q.close()
	w.giveUp() // and ends with the queue
}
