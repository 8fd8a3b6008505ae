// Package dialecttest is the test kit for dialects. A dialect's tests are its
// transcripts, replayed by [RunTranscripts], and the laws that every dialect
// obeys, checked by [Laws].
//
// Both run the dialect as it is served: over TCP, through the real router and
// the real core, on a real store in a temporary directory. Only the clock is the
// test's own, so that days pass in no time. Nothing of Sallyport is replaced.
//
// A transcript is a txtar file. Its head names the source of what it shows; its
// sections are steps:
//
//	-- options --         the mount's options, as YAML; at the top
//	-- throttle 3 --      more logins an hour are refused; at the top
//	-- rate 2 --          so many logins of an address within the mount's window; at the top
//	-- lock 3 --          so many failures lock a name; at the top
//	-- request --         a raw request, sent over a connection of its own
//	-- plain request --   the same over plain HTTP
//	-- reply OUTCOME --   the raw reply, and the outcome that the log tells
//	-- advance 15m --     turns the clock
//	-- restart --         a new process over the same store
//	-- store fails --     from here on the store answers nothing but errors
//
// Lines of a message's head end with CRLF on the wire; the body is compared byte
// for byte, without the newline that ends the section. The Date header is left
// out, as net/http takes it from the machine's clock.
//
// In a request, {{NAME}} is what a reply captured, {{lower NAME}} the same in
// lower case, {{unslash NAME}} the same without the backslashes that JSON may
// have before slashes, {{LENGTH}} the length of the body and {{repeat 100 x}} a
// hundred times x. In a reply, {{HEX:NAME}}, {{SEALED:NAME}}, {{GUID:NAME}},
// {{SERIES:NAME}} and {{NATIVE:NAME}} match a token of that form and capture it,
// {{HALF:NAME}} one of two strings that are a token together, and {{NUMBER}} a
// number.
package dialecttest
