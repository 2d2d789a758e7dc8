// Package replay captures traffic and plays it again.
package replay
