//go:build !race

package secret

const raceDetector = false
