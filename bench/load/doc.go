// Package load is a closed-loop HTTP/1.1 load generator that costs little,
// because it shares the machine with what it measures: requests are bytes made
// beforehand, answers are read in place, and nothing is allocated while it runs.
//
// It is no HTTP client. It sends one request at a time on each connection, knows
// answers with Content-Length or in chunks, of at most 16 KiB, and gives up at
// the first one that is not as it should be: a rate that counts errors says
// nothing.
package load
