// Command sallyport is the whole product in one program: the server, a
// demonstration of it, and the tools of its operator. "sallyport help" lists
// them.
//
// Each command is a file: what it is called with, and one call into package
// server. It exits with 0, with 1 if what was asked failed, or with 2 if it was
// asked wrongly.
package main
