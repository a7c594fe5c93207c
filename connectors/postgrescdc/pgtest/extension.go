// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// EnvExtensions is the environment variable that names the extensions, with commas between
// them, that the server of a test must have: what does not come with every
// installation, as postgis.
const EnvExtensions = "CONNECTD_TEST_EXTENSIONS"

// HasExtension reports whether CREATE EXTENSION can make an extension. It fails the test if
// it cannot and EnvExtensions names it, so that a test of it is not passed over
// where it has to run.
func (s *Server) HasExtension(t testing.TB, name string) bool {
	t.Helper()
	rows := s.MustQuery(t, "postgres", "SELECT name FROM pg_available_extensions WHERE name = '"+name+"'")
	if len(rows) == 0 && slices.Contains(strings.Split(os.Getenv(EnvExtensions), ","), name) {
		t.Fatalf("the server has no extension %s, which %s names", name, EnvExtensions)
	}
	return len(rows) > 0
}
