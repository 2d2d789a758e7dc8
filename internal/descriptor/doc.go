// Package descriptor uses sockets of Linux by their descriptors: whoever watches thousands of them on one thread reads and
// writes what is ready without a word to the Go runtime.
package descriptor
