package tcptest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// InNamespace runs the test anew in a network namespace of its own, as a process, and returns false there: its loopback is up, and carries
// nothing but what the test sends. Outside it returns true, when the test has passed; the caller has nothing left to do. Without root, or
// without the program ip, the test is skipped.
func InNamespace(t *testing.T) (outside bool) {
	t.Helper()
	const inside = "GAMEDAY_TEST_NAMESPACE"
	if os.Getenv(inside) != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Fatalf("raise the loopback interface: %v: %s", err, out)
		}
		return false
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip, of the package iproute2")
	}
	run := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=100s")
	run.Env = append(os.Environ(), inside+"=1")
	run.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := run.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("needs root, for a network namespace and a packet socket")
	}
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skip("skipped inside the namespace")
	}
	return true
}
