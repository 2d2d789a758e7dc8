package wire

// Refused is the error of a call that asks for what cannot be: nothing was started or changed.
type Refused struct{ Err error }

// Error is the text of the cause.
func (r Refused) Error() string { return r.Err.Error() }

// Unwrap returns the cause.
func (r Refused) Unwrap() error { return r.Err }
