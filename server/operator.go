package server

import (
	"cmp"
	"os"
	"os/user"
	"strconv"
	"strings"
	"unicode"
)

// operatorPrefix stands before the name of whoever works on the database itself. An
// account and a name, as those have who ask a server, always have a slash between
// them; what is here never has one.
const operatorPrefix = "local:"

// maxOperator bounds the name, in characters.
const maxOperator = 64

// Operator is what the audit calls whoever runs this program: local: and the name of
// the system's user, and of whom sudo was called by.
func Operator() string {
	name := os.Getenv("SUDO_USER")
	if u, err := user.Current(); err == nil {
		name = cmp.Or(name, u.Username)
	}
	return operatorPrefix + operatorName(cmp.Or(name, "uid"+strconv.Itoa(os.Getuid())))
}

// operatorName keeps of a name what cannot be mistaken for something else.
func operatorName(name string) string {
	if letters := []rune(name); len(letters) > maxOperator {
		name = string(letters[:maxOperator])
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-@\\", r) {
			return r
		}
		return '_'
	}, name)
}
