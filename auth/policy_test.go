package auth

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestPolicyValidate(t *testing.T) {
	for name, p := range map[string]Policy{
		"zero":              {},
		"negative span":     {Span: -1},
		"negative idle":     {Span: time.Hour, Idle: -1},
		"negative uses":     {Uses: -1},
		"too long":          {Span: MaxSpan + time.Microsecond},
		"nanoseconds":       {Span: time.Hour + 1},
		"never with a span": {Never: true, Span: time.Hour},
		"idle without cap":  {Idle: time.Hour},
		"idle beyond cap":   {Idle: 2 * time.Hour, Span: time.Hour},
		"control character": {Span: time.Hour, Name: "a\nb"},
	} {
		if err := p.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	for name, p := range map[string]Policy{
		"span":          {Span: 20 * time.Minute},
		"idle":          {Span: 12 * time.Hour, Idle: 30 * time.Minute},
		"uses":          {Uses: 1},
		"expire on new": {ExpireOnNew: true},
		"never":         {Never: true},
		"all":           {Span: time.Hour, Idle: time.Minute, Uses: 3, ExpireOnNew: true},
		"never but one": {Never: true, ExpireOnNew: true},
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLifeSaysWhenAndWhy(t *testing.T) {
	for name, c := range map[string]struct {
		Policy
		at  time.Time
		why EndReason
	}{
		"span":          {Policy{Span: time.Hour}, t0.Add(time.Hour), EndSpan},
		"idle":          {Policy{Span: time.Hour, Idle: time.Minute}, t0.Add(time.Minute), EndIdle},
		"idle is span":  {Policy{Span: time.Hour, Idle: time.Hour}, t0.Add(time.Hour), EndSpan},
		"uses":          {Policy{Uses: 3}, time.Time{}, EndUses},
		"uses and span": {Policy{Uses: 3, Span: time.Hour}, t0.Add(time.Hour), EndSpan},
		"expire on new": {Policy{ExpireOnNew: true}, time.Time{}, EndReplaced},
		"never":         {Policy{Never: true}, time.Time{}, EndNever},
	} {
		l := c.Begin(t0)
		if at, why := l.End(); !at.Equal(c.at) || why != c.why {
			t.Errorf("%s: ends %v because of %q, want %v, %q", name, at, why, c.at, c.why)
		}
	}
}

// The instant of expiry: now < issued + span, to the nanosecond.
func TestLifeBoundary(t *testing.T) {
	l := Policy{Span: 20 * time.Minute}.Begin(t0)
	end := t0.Add(20 * time.Minute)
	if !l.Alive(end.Add(-time.Nanosecond)) {
		t.Error("dead a nanosecond before its end")
	}
	if l.Alive(end) {
		t.Error("alive at its end")
	}
}

// Whatever a policy says and however a session is used, it never outlives its
// cap, and a use never brings it back.
func TestLifeComposes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := func(name string, lo, hi int64) time.Duration {
			return time.Duration(rapid.Int64Range(lo, hi).Draw(t, name)) * time.Microsecond
		}
		p := Policy{Span: micros("span", 1, 1e9)}
		p.Idle = min(micros("idle", 0, 1e9), p.Span)
		row := SessionRow{ID: 1, Life: p.Begin(t0)}
		who := &Identity{live: &liveness{}}
		e := newCached(&row, who, &opened{}, t0.UnixNano())
		now, last := t0, t0
		for range rapid.IntRange(1, 20).Draw(t, "uses") {
			now = now.Add(micros("pause", 0, 5e8))
			alive, _ := e.use(now.UnixNano())
			want := now.Before(t0.Add(p.Span)) && (p.Idle == 0 || now.Before(last.Add(p.Idle)))
			if alive != want {
				t.Fatalf("%v after issue, %v after last use: alive is %v, want %v", now.Sub(t0), now.Sub(last), alive, want)
			}
			if !alive {
				if again, _ := e.use(now.UnixNano()); again {
					t.Fatal("a use brought it back")
				}
				return
			}
			last = now
		}
	})
}
