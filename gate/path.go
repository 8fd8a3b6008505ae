package gate

import "strings"

// plainPath says whether a decoded path means the same to everybody. The gate
// chooses mounts by it, and the API behind it chooses what to do: where one of
// them climbs up at /a/../b, or at the /a/..;/b and \ that some servers take for
// it, and the other does not, a token for one mount would open another.
func plainPath(path string) bool {
	for i := range len(path) {
		if c := path[i]; c == '\\' || c < ' ' || c == 0x7f {
			return false
		}
	}
	// Every segment to be refused begins so.
	if !strings.Contains(path, "/.") {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return false
		}
	}
	return true
}

// merged is the path with runs of slashes made one, as nginx and most servers
// read it; old clients put "https://host/" and "/path" together.
func merged(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	b := make([]byte, 0, len(path))
	for i := range len(path) {
		if path[i] != '/' || len(b) == 0 || b[len(b)-1] != '/' {
			b = append(b, path[i])
		}
	}
	return string(b)
}

// bare is a path as the most forgetful servers read it, which is another path
// than the one that was sent: without the parameters of segments (Tomcat), without
// dots, spaces and names of streams at their ends (Windows), and without what comes
// after a question mark or fragment that was encoded once too often. Whoever chooses
// by a path has to look at both readings.
func bare(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if !strings.ContainsAny(path, ";. :") {
		return merged(path)
	}
	b := make([]byte, 0, len(path))
	for segment := range strings.SplitSeq(path, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		segment, _, _ = strings.Cut(segment, "::$")
		b = append(append(b, '/'), strings.TrimRight(segment, ". ")...)
	}
	return merged(string(b))
}
