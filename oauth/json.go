package oauth

import (
	"encoding/json"
	"strconv"
)

// Answers are written by hand: encoding/json costs as much as all the rest of an
// introspection. The tests compare both.

// appendMember adds a member of an object.
func appendMember(b []byte, name, value string) []byte {
	return appendString(appendName(b, name), value)
}

// appendName adds the name of a member, which needs no escaping.
func appendName(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// appendNumber adds a member that is a number.
func appendNumber[N ~int64 | ~uint64](b []byte, name string, n N) []byte {
	b = appendName(b, name)
	if n >= 0 {
		return strconv.AppendUint(b, uint64(n), 10)
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// appendString adds a string as JSON has it.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always marshals
				return append(b, '"', '"')
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
