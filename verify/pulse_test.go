package verify

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Whatever lies between the clocks and however late beats arrive, none vouches for a
// time that the server had not reached.
func TestPulse(t *testing.T) {
	const ms = int64(time.Millisecond)
	for _, skew := range []int64{0, int64(time.Hour), -int64(time.Hour)} {
		p := pulse{asked: 1000 * ms}
		server := func(at int64) int64 { return (at + skew) / 1000 } // its clock at our time
		for _, beat := range []struct{ sent, arrived, vouched int64 }{
			{1100 * ms, 1150 * ms, 1000 * ms}, // the first one left 100 ms after we asked: it stays behind by that
			{1300 * ms, 1350 * ms, 1200 * ms},
			{1500 * ms, 9000 * ms, 1400 * ms}, // held
			{1700 * ms, 9000 * ms, 1600 * ms}, // and in a burst
			{1700 * ms, 9001 * ms, 1600 * ms},
			{9050 * ms, 8990 * ms, 8950 * ms}, // clocks do not run alike: a little from the future,
			{9150 * ms, 8990 * ms, 8990 * ms}, // and no more than now
		} {
			if got, err := p.beat(server(beat.sent), beat.arrived); err != nil || got != beat.vouched {
				t.Errorf("skew %d: the beat of %d vouches for %d (%v), want %d", skew, beat.sent, got, err, beat.vouched)
			}
		}
		if _, err := p.beat(server(9149*ms), 9200*ms); !errors.Is(err, errClock) {
			t.Errorf("a clock that goes back: %v", err)
		}
		if _, err := p.beat(server(9600*ms), 9200*ms); !errors.Is(err, errClock) {
			t.Errorf("a clock that jumps: %v", err)
		}
	}
	p := pulse{}
	if _, err := p.beat(-1<<63, 0); err != nil {
		t.Error(err)
	}
	if _, err := p.beat(1<<63-1, 0); !errors.Is(err, errClock) {
		t.Errorf("as far as numbers go: %v", err)
	}
}

// What of the feed cannot be read, or does not connect, ends the connection; what is
// not understood forgets everything.
func TestEvents(t *testing.T) {
	for text, want := range map[string]string{
		"event: a\ndata: 1\n\n":                        "a 1 ",
		": comment\n\nid: 7-1-2\r\nevent:a\r\n\r\n":    "a  7-1-2",
		"event: a\ndata: 1":                            "unexpected EOF",
		"event: a\ndata: " + strings.Repeat("x", 5000): errEvent.Error(),
		strings.Repeat("data: x\n", 20):                errEvent.Error(),
		strings.Repeat(": x\n", 20):                    errEvent.Error(),
	} {
		e, err := newEvents(strings.NewReader(text)).next()
		got := e.name + " " + string(e.data) + " " + e.id
		if err != nil {
			got = err.Error()
		}
		if want == "unexpected EOF" {
			want = "EOF"
		}
		if got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
	for data, want := range map[string]notice{
		`{}`: {}, `{"session":7}`: {session: 7}, `{"principal":7}`: {principal: 7}, `{"account":7}`: {account: 7},
		`{"all":true}`: {all: true}, `{"galaxy":7}`: {all: true}, `{"session":-1}`: {all: true}, `{"session":"7"}`: {all: true},
		`{"session":0}`: {all: true}, `null`: {all: true}, `[]`: {all: true}, ``: {all: true}, `{"session":7,"account":8}`: {all: true},
	} {
		if got := noticeOf([]byte(data)); got != want {
			t.Errorf("%s: %+v, want %+v", data, got, want)
		}
	}
}

// A position that is skipped, repeated or not where the heart-beat says makes the
// verifier forget everything and believe nothing.
func TestGap(t *testing.T) {
	for what, e := range map[string]event{
		"skipped":    {name: "ended", id: "12-1-1", data: []byte(`{"session":1}`)},
		"repeated":   {name: "ended", id: "10-1-1", data: []byte(`{"session":1}`)},
		"no id":      {name: "ended", data: []byte(`{"session":1}`)},
		"missed":     {name: "alive", data: []byte(`{"at":1,"seq":11}`)},
		"unreadable": {name: "alive", data: []byte(`{"at":1}`)},
		"from":       {name: "reset", id: "x"},
	} {
		v, err := New(Options{Server: "https://x", ClientID: "a", ClientSecret: "b"})
		if err != nil {
			t.Fatal(err)
		}
		v.cache.restart(10)
		if err := v.hear(&pulse{}, &e); !errors.Is(err, errGap) || v.isFresh() {
			t.Errorf("%s: %v", what, err)
		}
		_ = v.Close()
	}
}

func (v *Verifier) isFresh() bool { return v.now() < v.freshUntil.Load() }
