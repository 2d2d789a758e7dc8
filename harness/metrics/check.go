package metrics

// Check returns what is wrong with a PromQL expression, as "LINE:COLUMN: problem", or nil.
func Check(expr string) error {
	_, err := parse(expr)
	return err
}
