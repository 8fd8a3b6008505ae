package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// Sizes.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

var errSize = errors.New("is not a size: write a whole number with B, KiB, MiB or GiB, such as 64KiB")

// UnmarshalText reads 512B, 64KiB, 2MiB or 1GiB.
func (s *Size) UnmarshalText(text []byte) error {
	for _, u := range [...]struct {
		name string
		size Size
	}{{"KiB", KiB}, {"MiB", MiB}, {"GiB", GiB}, {"B", 1}} {
		digits, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimRight(digits, " "), 10, 63)
		if err != nil || Size(n) > math.MaxInt64/u.size {
			return errSize
		}
		*s = Size(n) * u.size
		return nil
	}
	return errSize
}
