// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

func TestMain(m *testing.M) {
	code := pgtest.Runner{M: m}.Run()
	harness.Clean()
	os.Exit(code)
}
