package auth

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// ids hands out session ids from blocks that are leased from the store, so that
// ids grow with time, no two nodes hand out the same, and a restart skips what
// it does not know the use of.
type ids struct {
	store  Store
	leased func(first SessionID) // hears of each block

	void atomic.Bool // the block is not to be used any more

	mu    sync.Mutex
	first SessionID // of the block
	next  SessionID
	end   SessionID // first id that is not leased
}

// leaseBlock is 1.5 seconds of logins at the highest rate measured: rare enough
// that waiting for a lease does not show, and 2^63 ids last for ever.
const leaseBlock = 1 << 16

// leaseSlack is how far other nodes may be ahead of this one's newest lease.
const leaseSlack = 1 << 32

// idTries is how often what is begun is given another id because its own was
// taken. The second is of a new block already.
const idTries = 3

func (i *ids) take(ctx context.Context) (SessionID, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.lease(ctx); err != nil {
		return 0, err
	}
	id := i.next
	i.next++
	return id, nil
}

// fill leases the first block, so that the first login need not wait, and that a
// store that cannot be written is noticed at the start.
func (i *ids) fill(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.lease(ctx)
}

// lease takes a block if none is left. i.mu is held.
func (i *ids) lease(ctx context.Context) error {
	if i.void.Swap(false) {
		i.next = i.end
	}
	if i.next < i.end {
		return nil
	}
	first, err := i.store.Lease(ctx, leaseBlock)
	if err != nil {
		return fmt.Errorf("leasing session ids: %w", err)
	}
	i.first, i.next, i.end = first, first, first+leaseBlock
	i.leased(first)
	return nil
}

// giveUp leaves the rest of the block unused: the store may not know any more that
// it was leased.
func (i *ids) giveUp() { i.void.Store(true) }

// taken gives up the block of an id that another node had used: they were leased
// twice, by a store that was set back in between. The next block is beyond what
// is there.
func (i *ids) taken(id SessionID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if id >= i.first && id < i.end {
		i.next = i.end
	}
}

// plausible says whether an id can have been handed out: what a made-up token
// opens to almost never can.
func (i *ids) plausible(id SessionID) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return id > 0 && id < i.end+leaseSlack
}
