// SPDX-License-Identifier: Apache-2.0

package file

import (
	"flag"
	"testing"

	"github.com/connectd/connectd/connect/connecttest"
)

var update = flag.Bool("update", false, "write the tables of options into README.md")

func TestReadmeHasTheOptions(t *testing.T) {
	connecttest.ReadmeTables(t, map[string]string{
		"source options": connecttest.OptionTable(sourceKeys),
		"sink options":   connecttest.OptionTable(sinkKeys),
	}, *update)
}
