package tape

import "fmt"

// Damage is a stretch of a tape that cannot be read, and what is lost by it.
type Damage struct {
	Path   string
	Frame  int   // number of the bad frame, from 0; the frames before it are readable
	Offset int64 // where it starts
	Bytes  int64 // how many bytes are lost: to the next good frame when skipping, else to the end
	Lost   int64 // how many exchanges and gaps these bytes held; -1 when that cannot be known
	Bodies int64 // how many bodies that exchanges behind them share with these bytes were found missing
	Tail   bool  // an unfinished last frame, as a kill -9 leaves it
	Err    error
}

// Error names the file, the place, the loss and what can be done.
func (d *Damage) Error() string {
	lost := "an unknown number of records"
	if d.Lost >= 0 {
		lost = fmt.Sprintf("%d records", d.Lost)
	}
	if d.Tail {
		return fmt.Sprintf("tape %s: ends inside frame %d at byte %d (%v): the %d frames before it are whole, the last %d bytes are lost",
			d.Path, d.Frame, d.Offset, d.Err, d.Frame, d.Bytes)
	}
	if d.Bodies > 0 {
		lost += fmt.Sprintf(" and %d bodies that records behind them share", d.Bodies)
	}
	return fmt.Sprintf("tape %s: frame %d at byte %d: %v; %d bytes with %s cannot be read; the %d frames before it are readable: skip damaged frames to read what follows",
		d.Path, d.Frame, d.Offset, d.Err, d.Bytes, lost, d.Frame)
}

// Unwrap returns the cause.
func (d *Damage) Unwrap() error { return d.Err }
