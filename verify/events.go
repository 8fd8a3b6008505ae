package verify

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Bounds of one event.
const (
	maxLine  = 4096 // bytes
	maxLines = 16
)

var errEvent = errors.New("the feed is not one of events, or an event is too long")

// event is one server-sent event. Its data is good until the next one is read.
type event struct {
	name, id string
	data     []byte
}

// seq is the position that begins the id.
func (e *event) seq() (uint64, bool) {
	seq, _, _ := strings.Cut(e.id, "-")
	n, err := strconv.ParseUint(seq, 10, 64)
	return n, err == nil
}

// events reads what Sallyport writes of the format of HTML, section 9.2.6: lines
// end with a line feed, and an event has one line of data.
type events struct {
	lines *bufio.Reader
	data  []byte
}

func newEvents(r io.Reader) *events { return &events{lines: bufio.NewReaderSize(r, maxLine)} }

// next is the next event.
func (s *events) next() (e event, err error) {
	s.data = s.data[:0]
	for range maxLines {
		line, err := s.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return event{}, errEvent
		case err != nil:
			return event{}, err
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
		if len(line) == 0 {
			if e.name == "" && len(s.data) == 0 { // a comment was all
				continue
			}
			e.data = s.data
			return e, nil
		}
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(field) {
		case "event":
			e.name = string(value)
		case "id":
			e.id = string(value)
		case "data":
			s.data = append(s.data, value...)
		}
	}
	return event{}, errEvent
}
