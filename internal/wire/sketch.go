package wire

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A sketch is a file on its way: it stands beside its place under a name of its own until it is whole.
type sketch struct {
	*os.File
	place string
}

// newSketch begins a file for a place where there is none yet.
func newSketch(place string) (*sketch, error) {
	if _, err := os.Lstat(place); err == nil {
		return nil, &fs.PathError{Op: "create", Path: place, Err: fs.ErrExist}
	}
	f, err := os.CreateTemp(filepath.Dir(place), "."+filepath.Base(place)+".*")
	if err != nil {
		return nil, err
	}
	return &sketch{f, place}, nil
}

// end puts the file in its place or, when there is an error, takes it away. It returns that error, or what went wrong with
// the file.
func (s *sketch) end(err error) error {
	if err = errors.Join(err, s.Close()); err == nil {
		err = os.Rename(s.Name(), s.place)
	}
	if err != nil {
		return errors.Join(err, os.Remove(s.Name()))
	}
	return nil
}
