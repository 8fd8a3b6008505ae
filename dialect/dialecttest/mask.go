package dialecttest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// hole is a {{...}} of a transcript.
var hole = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// shapes are what a hole of a reply may match.
var shapes = map[string]string{
	"GUID":   `[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}`,
	"SERIES": `[A-Za-z0-9+/]{76}`,
	"HEX":    `[0-9a-f]{88}`,
	"SEALED": `(?:[A-Za-z0-9+]|\\/){128,}={0,2}`, // as PHP writes it in JSON
	"NUMBER": `[0-9]+`,
	"NATIVE": `sp_[A-Za-z0-9_-]{59}`,
	"HALF":   `[A-Za-z0-9_-]{31}`, // of a token in two strings
}

// message fills the holes of a request.
func (p *player) message(section string) (string, error) {
	var firstErr error
	fill := func(s string, more map[string]string) string {
		return hole.ReplaceAllStringFunc(s, func(h string) string {
			text, err := p.fill(strings.Fields(h[2:len(h)-2]), more)
			if err != nil && firstErr == nil {
				firstErr = fmt.Errorf("%s: %w", h, err)
			}
			return text
		})
	}
	head, body, _ := strings.Cut(onWire(section), "\r\n\r\n")
	body = fill(body, nil)
	head = fill(head, map[string]string{"LENGTH": strconv.Itoa(len(body))})
	return head + "\r\n\r\n" + body, firstErr
}

func (p *player) fill(words []string, more map[string]string) (string, error) {
	switch {
	case len(words) == 3 && words[0] == "repeat":
		n, err := strconv.Atoi(words[1])
		if err != nil || n < 0 || n > 1<<20 {
			return "", fmt.Errorf("cannot repeat that often")
		}
		return strings.Repeat(words[2], n), nil
	case len(words) == 2 && words[0] == "lower":
		text, err := p.fill(words[1:], more)
		return strings.ToLower(text), err
	case len(words) == 2 && words[0] == "unslash":
		text, err := p.fill(words[1:], more)
		return strings.ReplaceAll(text, `\/`, "/"), err
	case len(words) == 1:
		for _, known := range []map[string]string{more, p.known} {
			if text, ok := known[words[0]]; ok {
				return text, nil
			}
		}
	}
	return "", fmt.Errorf("nothing of that name was captured")
}

// pattern makes a regular expression of a reply, and names its groups: "" for one
// that is not captured.
func (p *player) pattern(reply string) (*regexp.Regexp, []string, error) {
	var re strings.Builder
	var names []string
	re.WriteString(`\A`)
	at := 0
	for _, m := range hole.FindAllStringSubmatchIndex(reply, -1) {
		re.WriteString(regexp.QuoteMeta(reply[at:m[0]]))
		at = m[1]
		inside := reply[m[2]:m[3]]
		kind, name, _ := strings.Cut(inside, ":")
		if shape, ok := shapes[kind]; ok {
			re.WriteString("(" + shape + ")")
			names = append(names, name)
			continue
		}
		text, err := p.fill(strings.Fields(inside), nil)
		if err != nil {
			return nil, nil, fmt.Errorf("{{%s}}: %w", inside, err)
		}
		re.WriteString(regexp.QuoteMeta(text))
	}
	re.WriteString(regexp.QuoteMeta(reply[at:]) + `\z`)
	pattern, err := regexp.Compile(re.String())
	return pattern, names, err
}
