package main

import (
	"math/rand/v2"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Scenario is what is simulated. Sessions are fewer than a large installation has,
// and each node's memory with them: what share of the checks is found in memory
// depends on calls a session, on nodes, and on memory in parts of the live sessions,
// and not on how many there are. The feed's times do not depend on it either.
type Scenario struct {
	Name     string
	Seed     uint64
	Nodes    int
	Sessions int           // alive at any time, on average
	Life     time.Duration // of one
	Calls    float64       // that are made with one on average
	Hot      float64       // share of the sessions that makes 80 of 100 calls; 0: all make as many
	Sticky   bool          // calls of a session go to one node, that of its login; else to any
	Memory   float64       // sessions that fit into a node's memory, in parts of Sessions
	Revoked  float64       // share of the sessions that are ended before their time
	Trip     time.Duration // from the database's answer to its being obeyed, and from a commit to its being seen
}

// Scenarios are those of docs/scaling.md.
func Scenarios() []Scenario {
	base := Scenario{Seed: 1, Nodes: 100, Sessions: 20_000, Life: 10 * time.Minute, Calls: 50, Hot: 0.2, Memory: 1, Revoked: 0.1, Trip: 2 * time.Millisecond}
	with := func(name string, f func(*Scenario)) Scenario {
		s := base
		s.Name = name
		f(&s)
		return s
	}
	return []Scenario{
		with("any node, 50 calls a session", func(*Scenario) {}),
		with("any node, 5 calls a session", func(s *Scenario) { s.Calls = 5 }),
		with("any node, 1,000 calls a session", func(s *Scenario) { s.Calls, s.Sessions = 1000, 2_000 }),
		with("any node, memory for a tenth", func(s *Scenario) { s.Memory = 0.1 }),
		with("one node for a session", func(s *Scenario) { s.Sticky, s.Memory = true, 0.05 }),
		with("one node for a session, memory for half of its own", func(s *Scenario) { s.Sticky, s.Memory, s.Sessions = true, 0.005, 200_000 }),
	}
}

// Kind is what happens.
type Kind uint8

// The kinds of events.
const (
	Login  Kind = iota // a session begins
	Check              // it is used
	Revoke             // it is ended
	Expire             // it is over
)

// Event is one thing that happens at a node. Sessions are numbered from 0 in the
// order of their logins.
type Event struct {
	At      float64 // seconds
	Kind    Kind
	Session int32
	Node    int
}

// source makes a scenario's events, in order of time, from a seed.
type source struct {
	Scenario
	random *rand.Rand
	now    float64
	next   int32
	alive  []session // in no order
	hot    []int32   // places in alive of those that are
	cold   []int32
}

type session struct {
	number int32
	home   int
	place  int32 // among hot or cold
	hot    bool
}

func newSource(s Scenario) *source {
	return &source{Scenario: s, random: rand.New(rand.NewPCG(s.Seed, 1))} //nolint:gosec // a simulation
}

// Event is the next one. Logins, checks and ends come as if from many clients that
// know nothing of each other: at random, each at its rate. A session lives for a
// time that is exponentially distributed, so that which one ends next is a draw.
func (s *source) Event() Event {
	begin := float64(s.Sessions) / s.Life.Seconds()
	end := float64(len(s.alive)) / s.Life.Seconds()
	call := float64(len(s.alive)) * s.Calls / s.Life.Seconds()
	all := begin + end + call
	s.now += s.random.ExpFloat64() / all
	switch x := s.random.Float64() * all; {
	case x < begin:
		return s.login()
	case x < begin+end:
		return s.end()
	}
	return s.check()
}

func (s *source) login() Event {
	n := session{number: s.next, home: s.random.IntN(s.Nodes), hot: s.random.Float64() < s.Hot}
	s.next++
	list := s.list(n.hot)
	n.place = int32(len(*list))
	*list = append(*list, int32(len(s.alive)))
	s.alive = append(s.alive, n)
	return Event{s.now, Login, n.number, n.home}
}

func (s *source) list(hot bool) *[]int32 {
	if hot {
		return &s.hot
	}
	return &s.cold
}

func (s *source) end() Event {
	i := s.random.IntN(len(s.alive))
	n := s.alive[i]
	kind := Expire
	if s.random.Float64() < s.Revoked {
		kind = Revoke
	}
	list := s.list(n.hot)
	last := (*list)[len(*list)-1]
	(*list)[n.place] = last
	s.alive[last].place = n.place
	*list = (*list)[:len(*list)-1]
	if end := len(s.alive) - 1; i != end {
		s.alive[i] = s.alive[end]
		(*s.list(s.alive[i].hot))[s.alive[i].place] = int32(i)
	}
	s.alive = s.alive[:len(s.alive)-1]
	return Event{s.now, kind, n.number, s.random.IntN(s.Nodes)}
}

func (s *source) check() Event {
	list := s.list(s.Hot > 0 && s.random.Float64() < 0.8)
	if len(*list) == 0 {
		list = s.list(len(s.hot) > 0)
	}
	n := s.alive[(*list)[s.random.IntN(len(*list))]]
	node := n.home
	if !s.Sticky {
		node = s.random.IntN(s.Nodes)
	}
	return Event{s.now, Check, n.number, node}
}

// ownLimit is a node's memory.
func (s *Scenario) ownLimit() int { return max(int(s.Memory*float64(s.Sessions)), auth.CacheShards) }
