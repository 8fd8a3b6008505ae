package audit

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Head is a place in the chain and the chain's value there: whoever has noted one
// can tell whether what came to it is still what it was.
type Head struct {
	Seq   uint64
	Chain [32]byte
}

// Head is where the chain is with the batch.
func (b *Batch) Head() Head { return Head{b.Seq, b.Chain} }

// String is the form for people and for [ParseHead].
func (h Head) String() string {
	return strconv.FormatUint(h.Seq, 10) + "-" + hex.EncodeToString(h.Chain[:])
}

// ParseHead reads what [Head.String] wrote.
func ParseHead(text string) (h Head, err error) {
	seq, value, _ := strings.Cut(text, "-")
	if h.Seq, err = strconv.ParseUint(seq, 10, 63); err != nil {
		return Head{}, fmt.Errorf("%q is no head of an audit", text)
	}
	raw, err := hex.DecodeString(value)
	if err != nil || len(raw) != len(h.Chain) {
		return Head{}, fmt.Errorf("%q is no head of an audit", text)
	}
	copy(h.Chain[:], raw)
	return h, nil
}

// Seal says from where to where the chain was whole at a time. Under a key that is
// not beside the chain it also says so of what the chain alone cannot tell: its
// beginning, which retention moves, and its end.
type Seal struct {
	// From is the last batch that is gone, which the oldest that is kept follows;
	// zero: none is. An older version dropped batches and left no word of them:
	// then it is the oldest that was kept, and what came before is taken as gone.
	From Head
	To   Head // the newest batch there was; zero: there was none yet
	At   time.Time
}

// String is the form for [ParseSeal].
func (s *Seal) String() string {
	return s.From.String() + " " + s.To.String() + " " + s.At.UTC().Format(time.RFC3339Nano)
}

// ParseSeal reads what [Seal.String] wrote.
func ParseSeal(text string) (s Seal, err error) {
	part := strings.Split(text, " ")
	if len(part) != 3 {
		return Seal{}, fmt.Errorf("a seal of an audit has %d parts and not 3", len(part))
	}
	if s.From, err = ParseHead(part[0]); err != nil {
		return Seal{}, err
	}
	if s.To, err = ParseHead(part[1]); err != nil {
		return Seal{}, err
	}
	if s.At, err = time.Parse(time.RFC3339Nano, part[2]); err != nil {
		return Seal{}, fmt.Errorf("the time of a seal of an audit: %w", err)
	}
	return s, nil
}

// Begins checks that an audit whose oldest batch is first begins where the seal
// says. It returns an error wrapping [ErrBroken], and the batch that is missing or
// altered.
func (s *Seal) Begins(first *Batch) (broken uint64, err error) {
	switch {
	case first.Seq == s.From.Seq && s.From.Seq != 0: // see Seal.From
		if first.Chain != s.From.Chain {
			return first.Seq, fmt.Errorf("batch %d was altered: %w", first.Seq, ErrBroken)
		}
		return first.Seq, first.Check()
	case first.Seq == s.From.Seq+2:
		return s.From.Seq + 1, fmt.Errorf("batch %d is missing, and no retention dropped it: %w", s.From.Seq+1, ErrBroken)
	case first.Seq > s.From.Seq+2:
		return s.From.Seq + 1, fmt.Errorf("batches %d to %d are missing, and no retention dropped them: %w", s.From.Seq+1, first.Seq-1, ErrBroken)
	case first.Seq == 1 && first.Chain != Link([32]byte{}, first.Body):
		return 1, fmt.Errorf("batch 1 was altered, or is not the first there was: %w", ErrBroken)
	}
	return first.Seq, Verify(&Batch{Seq: s.From.Seq, Chain: s.From.Chain}, first)
}
