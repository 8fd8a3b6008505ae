package gate

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// attemptOf is what the caller says of itself with Basic, encoded as OAuth clients
// do it (RFC 6749, 2.3.1); nil if it says nothing that can be read. The name is an
// account's number or code.
func attemptOf(r *http.Request, m *auth.Mount, from auth.Origin) *auth.Attempt {
	if len(r.Header["Authorization"]) != 1 {
		return nil
	}
	name, key, ok := r.BasicAuth()
	if !ok {
		return nil
	}
	name, err1 := url.QueryUnescape(name)
	key, err2 := url.QueryUnescape(key)
	if err1 != nil || err2 != nil {
		return nil
	}
	a := &auth.Attempt{Mount: m, Scheme: auth.AccountKey, Secret: key, Form: auth.FormNative, Origin: from}
	if n, err := strconv.ParseInt(name, 10, 64); err == nil && n > 0 && strconv.FormatInt(n, 10) == name {
		a.Number = n
	} else {
		a.Code = name
	}
	return a
}

// stream writes server-sent events. What is said waits for send.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	events   []byte
}

// begin says that events will follow.
func (s *stream) begin() {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // nginx would collect events before it passes them on
	s.w.WriteHeader(http.StatusOK)
}

// send writes what was said. A follower that does not take it in time fails. The
// server's own time limit is for answers that end.
func (s *stream) send() error {
	if err := s.control.SetWriteDeadline(auth.SystemClock().Add(s.patience)); err != nil {
		return err // a slow follower could hold us up for ever
	}
	if _, err := s.w.Write(s.events); err != nil {
		return err
	}
	s.events = s.events[:0]
	return s.control.Flush()
}

// ended says what must not be believed any more.
func (s *stream) ended(notices []auth.Notice) {
	for i := range notices {
		s.event("ended", notices[i].Position())
		s.events = append(s.events, "data: {"...)
		switch n := &notices[i]; n.Kind {
		case auth.EndedSession:
			s.number(`"session":`, n.ID)
		case auth.EndedPrincipal, auth.ChangedPrincipal:
			s.number(`"principal":`, n.ID)
		case auth.EndedAccount, auth.ChangedAccount:
			s.number(`"account":`, n.ID)
		case auth.ChangedOther:
			s.events = append(s.events, `"all":true`...)
		case auth.ChangedGuard: // lets in who was locked out
		default:
			s.events = append(s.events, `"all":true`...) // of a later version
		}
		s.events = append(s.events, "}\n\n"...)
	}
}

// reset says that everything must be forgotten, and where the feed stands.
func (s *stream) reset(head auth.Position) {
	s.event("reset", head)
	s.events = append(s.events, "data: {}\n\n"...)
}

// alive says up to when everything has been said.
func (s *stream) alive(at int64, seq uint64) {
	s.events = append(s.events, "event: alive\ndata: {\"at\":"...)
	s.events = strconv.AppendInt(s.events, at, 10)
	s.number(`,"seq":`, seq)
	s.events = append(s.events, "}\n\n"...)
}

func (s *stream) event(name string, at auth.Position) {
	s.number("id: ", at.Seq)
	s.number("-", at.Mark)
	s.events = append(s.events, "\nevent: "...)
	s.events = append(s.events, name...)
	s.events = append(s.events, '\n')
}

func (s *stream) number(before string, n uint64) {
	s.events = strconv.AppendUint(append(s.events, before...), n, 10)
}

// parseEventID reads an id that event wrote: a position and its mark, by which a feed
// that was set back is told from the one that the follower knows. Ids of another
// form, as older versions wrote them, are nobody's.
func parseEventID(id string) (at auth.Position, ok bool) {
	seq, mark, _ := strings.Cut(id, "-")
	var err1, err2 error
	at.Seq, err1 = strconv.ParseUint(seq, 10, 64)
	at.Mark, err2 = strconv.ParseUint(mark, 10, 64)
	return at, err1 == nil && err2 == nil
}
