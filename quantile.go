package gameday

// Quantile returns which quantile a metric such as "p99" is, and how many requests make it worth stating: enough that
// one request is not more than the whole tail, and ten of them for p999, which is quoted most and measured least.
func Quantile(metric string) (q float64, enough int64, ok bool) {
	switch metric {
	case "p50":
		return 0.5, 10, true
	case "p90":
		return 0.9, 20, true
	case "p95":
		return 0.95, 20, true
	case "p99":
		return 0.99, 100, true
	case "p999":
		return 0.999, 10_000, true
	}
	return 0, 0, false
}
