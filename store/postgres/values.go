package postgres

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// Times and spans are whole microseconds, 0 for none.

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(v int64) time.Time {
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMicro(v).UTC()
}

func span(v int64) time.Duration { return time.Duration(v) * time.Microsecond }

func addrBytes(a netip.Addr) []byte {
	b, _ := a.MarshalBinary() // never fails
	if b == nil {
		return []byte{}
	}
	return b
}

func addr(b []byte) (a netip.Addr) {
	_ = a.UnmarshalBinary(b) // only MarshalBinary writes it; damaged is no address
	return a
}

func digest(b []byte) (d secret.Digest) {
	copy(d[:], b)
	return d
}
