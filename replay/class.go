package replay

import gameday "github.com/gameday-dev/gameday"

// classify says how an answered request ended, given the recorded status; 0 when none was seen.
//
// A refusal that the recording has too, such as a 404, is what the client expected, and so ok. A 4xx where
// the recording has something else is an error: a session that meets a 401 half way is broken, whoever is
// to blame.
func classify(a answer, recorded int) gameday.Class {
	switch {
	case a.status == 429, a.status == 503 && a.retry:
		return gameday.ClassRejected
	case a.status >= 500:
		return gameday.ClassError
	case a.status >= 400 && a.status != recorded:
		return gameday.ClassError
	case a.status >= 400:
		return gameday.ClassOK
	case a.degraded:
		return gameday.ClassDegraded
	}
	return gameday.ClassOK
}

func succeeded(c gameday.Class) bool {
	return c == gameday.ClassOK || c == gameday.ClassDegraded
}
