package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Batch is the events of one commit as a store keeps them.
type Batch struct {
	Seq   uint64    // position, from 1, without gaps
	At    time.Time // of the last event
	Count int
	Body  []byte   // lines of JSON
	Chain [32]byte // Link of the batch before and Body
}

// ErrBroken is wrapped by [Verify] when a batch does not follow from the one before it.
var ErrBroken = errors.New("audit chain is broken")

// Link is the chain value of a batch: SHA-256 over the chain value of the batch
// before it (zeros for the first there ever was) and its body. Time and number of
// the events follow from the body, and the position from where the chain begins,
// so that [Verify] holds a batch to all that it shows.
func Link(previous [32]byte, body []byte) [32]byte {
	h := sha256.New()
	h.Write(previous[:])
	h.Write(body)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

// Verify checks that next follows previous: the sequence has no gap, the link
// holds, there are as many events as it says, and the last is of the time that it
// says. It returns an error wrapping [ErrBroken] that names the batch.
func Verify(previous, next *Batch) error {
	if next.Seq != previous.Seq+1 {
		return fmt.Errorf("batch %d follows batch %d: %w", next.Seq, previous.Seq, ErrBroken)
	}
	if next.Chain != Link(previous.Chain, next.Body) {
		return fmt.Errorf("batch %d was altered or does not follow batch %d: %w", next.Seq, previous.Seq, ErrBroken)
	}
	return next.Check()
}

// Check holds what the batch says of itself to its body. It returns an error
// wrapping [ErrBroken].
func (b *Batch) Check() error {
	body, whole := bytes.CutSuffix(b.Body, []byte("\n"))
	if n := bytes.Count(b.Body, []byte("\n")); n != b.Count || !whole {
		return fmt.Errorf("batch %d holds %d events and says %d: %w", b.Seq, n, b.Count, ErrBroken)
	}
	var last wire
	if err := json.Unmarshal(body[bytes.LastIndexByte(body, '\n')+1:], &last); err != nil {
		return fmt.Errorf("batch %d, event %d cannot be read (%s): %w", b.Seq, b.Count, err.Error(), ErrBroken)
	}
	if !last.At.Equal(b.At) {
		return fmt.Errorf("batch %d is of %s and says %s: %w", b.Seq, last.At.Format(time.RFC3339Nano), b.At.Format(time.RFC3339Nano), ErrBroken)
	}
	return nil
}

// Events decodes the batch.
func (b *Batch) Events() ([]Event, error) {
	events := make([]Event, 0, b.Count)
	for line := range bytes.Lines(b.Body) {
		var w wire
		if err := json.Unmarshal(line, &w); err != nil {
			return nil, fmt.Errorf("batch %d, event %d: %w", b.Seq, len(events)+1, err)
		}
		events = append(events, w.event())
	}
	return events, nil
}
