// Package platformtest is the suite that every platform passes before monkeys are let loose on it. A
// platform is a promise about endings more than about beginnings: most cases ask whether what was done is
// undone, by whom, and when nobody asks for it any more.
//
// The platform under test runs two services of small instances, for which [ServeInstance] is the program:
// [Callee], four of them over at least two zones and at most twelve, and [Caller], at least one. Their targets
// carry the label gameday=allowed. Abilities that a platform lacks are skipped, by name.
//
// The local platform passes it: see TestLocalPlatform of package local.
package platformtest
