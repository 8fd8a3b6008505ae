package gate

import (
	"sync"

	"github.com/sallyport/sallyport/auth"
)

// places counts the followers of each verifier.
type places struct {
	mu sync.Mutex
	of map[auth.PrincipalID]int
}

// take says whether there is one more for a verifier.
func (p *places) take(who auth.PrincipalID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[who] >= maxOfOne {
		return false
	}
	if p.of == nil {
		p.of = map[auth.PrincipalID]int{}
	}
	p.of[who]++
	return true
}

// leave gives a place back.
func (p *places) leave(who auth.PrincipalID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[who]--; p.of[who] <= 0 {
		delete(p.of, who)
	}
}
