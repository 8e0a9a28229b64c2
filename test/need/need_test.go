package need_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/test/need"
)

// TestMissing runs itself in a child process: once as a newcomer, who sees a
// skip, once with everything required, which must fail.
func TestMissing(t *testing.T) {
	if os.Getenv("VIGIL_NEED_CHILD") == "1" {
		need.Tool(t, "a-program-that-nobody-has")
		return
	}
	for _, c := range []struct {
		require, want string
		fails         bool
	}{{"", "--- SKIP: TestMissing", false}, {"all", "--- FAIL: TestMissing", true}} {
		run := exec.Command(os.Args[0], "-test.v", "-test.run=^TestMissing$")
		run.Env = append(os.Environ(), "VIGIL_NEED_CHILD=1", "VIGIL_REQUIRE="+c.require)
		out, err := run.CombinedOutput()
		if (err != nil) != c.fails || !strings.Contains(string(out), c.want) {
			t.Errorf("VIGIL_REQUIRE=%q: want %q, got %v:\n%s", c.require, c.want, err, out)
		}
	}
}
