// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options configure a server. The zero value is what tests need.
type Options struct {
	// User is the name of the superuser that is created with the cluster, and the
	// one that URL names; "postgres" if empty.
	User string
	// Bin is the directory of initdb and postgres; if empty, that of the environment
	// variable EnvBin, else the programs are searched as the package says.
	Bin string
	// Port is the TCP port on 127.0.0.1; 0 takes a free one, which Restart keeps.
	Port int
	// Fsync makes commits durable against a crash of the machine. It slows tests
	// down and is not needed to survive a kill of the server.
	Fsync bool
	// WalSenderTimeout is after how long the server drops a replication connection
	// that does not answer; rounded down to milliseconds. 0 leaves the 60 s of
	// PostgreSQL, a negative value switches the timeout off.
	WalSenderTimeout time.Duration
	// Settings are further settings of the server by name, in the units of
	// postgresql.conf. They win over what this package sets.
	Settings map[string]string
	// Image is what runs if a container has to; "postgres:17" if empty.
	Image string
}

func (o Options) withDefaults() Options {
	if o.User == "" {
		o.User = "postgres"
	}
	if o.Image == "" {
		o.Image = "postgres:17"
	}
	return o
}

// settings are the settings of the server but for where it listens.
func (o Options) settings() map[string]string {
	s := map[string]string{
		"wal_level":                       "logical",
		"max_wal_senders":                 "40",
		"max_replication_slots":           "40",
		"max_prepared_transactions":       "20",
		"max_connections":                 "100",
		"fsync":                           "off",
		"full_page_writes":                "off",
		"jit":                             "off",
		"autovacuum":                      "off", // before version 15 its transactions are in the stream
		"timezone":                        "UTC",
		"log_line_prefix":                 "%m [%p] %d ",
		"log_checkpoints":                 "off",
		"max_logical_replication_workers": "4",
	}
	if o.Fsync {
		s["fsync"], s["full_page_writes"] = "on", "on"
	}
	if o.WalSenderTimeout != 0 {
		s["wal_sender_timeout"] = strconv.FormatInt(max(o.WalSenderTimeout.Milliseconds(), 0), 10) + "ms"
	}
	maps.Copy(s, o.Settings)
	return s
}

// configFile writes the settings as lines of postgresql.conf, in order of name.
func configFile(settings map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return b.String()
}
