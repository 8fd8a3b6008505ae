//go:build race

package secret

// Under the race detector a sync.Pool drops items at random, so that what does not
// allocate otherwise does there.
const raceDetector = true
