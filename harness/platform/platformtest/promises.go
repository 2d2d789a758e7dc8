package platformtest

func promises() []promise {
	return []promise{
		{"find", "Find returns each target once, ordered by name, with kind, zone and labels; empty fields match everything, and nothing found is no error.", checkFind},
		{"kill", "Kill returns when the process is gone, and it stays gone until released; then it comes back as a new process. Other instances are not touched.", checkKill},
		{"pause", "A paused instance exists and does not run; released, the same process runs on.", checkPause},
		{"shape", "A rule slows what it names, in the direction it names, and nothing else, until released.", checkShape},
		{"shape an established connection", "A rule acts on connections that were there before it, and leaves them whole when it goes.", checkEstablished},
		{"break an established connection", "A reset answers the next bytes of a connection that was there before it; after a black hole a connection goes on whole or not at all.", checkBroken},
		{"cut", "A cut link refuses new connections and breaks established ones; joined, it carries again.", checkCut},
		{"one fault", "Several changes on behalf of one fault are one: released together, at once.", checkOneFault},
		{"deadline", "What is held past its deadline is let go by the platform itself, even when the lease is renewed.", checkDeadline},
		{"lease", "What nobody renews is let go by the platform itself; what is renewed is not.", checkLease},
		{"release twice", "Releasing what is released, or was never held, is no error: healing is idempotent.", checkReleaseTwice},
		{"two faults on one target", "What two faults hold is held until both are released.", checkTwoFaults},
		{"unknown targets", "A change of what does not exist is refused, and nothing is held for it.", checkUnknown},
		{"scale", "Scaling spreads over zones and is undone by scaling back; what leaves is drained, not killed with its callers.", checkScale},
		{"switch", "A switch of a service reads the value on every instance, those that start later too, and its old value after release.", checkSwitch},
		{"two faults on one switch", "A switch that two faults hold reads its old value when both are released, whichever goes first.", checkTwoFaultsOnOneSwitch},
	}
}
