// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Runner{M: m}) }

func jsonText(v connect.Value) string { return connecttest.Text(v) }

func cloneRecord(r *connect.Record) connect.Record { return connecttest.CloneRecord(r) }
