package load

import (
	"math/bits"
	"time"
)

// A bucket is at most 1/64 as wide as what it counts. The last one takes
// everything from 2^40 ns (18 minutes) on.
const (
	subBits = 6
	subs    = 1 << subBits
	buckets = (40 - subBits + 1) * subs
)

// Histogram counts durations with an error of at most 1.6 percent, in constant
// space. The zero Histogram is empty.
type Histogram struct {
	counts [buckets]uint32
	n      uint64
}

// Record counts a duration. It does not allocate.
func (h *Histogram) Record(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.n++
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
}

// Count is how many were recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Quantile is the least duration that at least a share of q, from 0 to 1, of all
// recorded ones do not exceed, to the upper edge of its bucket; 0 of none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n))
	if float64(rank) < q*float64(h.n) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank {
			return edge(i)
		}
	}
	return edge(buckets - 1)
}

// bucket is where a value is counted: exactly below 128, then 64 buckets for
// each power of two.
func bucket(v uint64) int {
	if v < subs {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return min(shift*subs+int(v>>shift), buckets-1)
}

// edge is the largest value that is counted in a bucket.
func edge(i int) time.Duration {
	if i < 2*subs {
		return time.Duration(i)
	}
	shift := i/subs - 1
	return time.Duration((i-shift*subs+1)<<shift - 1)
}
