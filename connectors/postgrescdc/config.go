// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"time"

	"github.com/connectd/connectd/connect"
)

// version is the release of the original whose settings, events and offsets are understood.
const version = "3.7.0.Final"

// pluginInfo names the connector and declares its configuration.
func pluginInfo() connect.PluginInfo {
	return connect.PluginInfo{
		Class:   "io.debezium.connector.postgresql.PostgresConnector",
		Aliases: []string{"PostgresConnector", "postgrescdc"},
		Version: version,
		Doc:     "Reads the changes of PostgreSQL tables, and their content at the start, by logical replication.",
		Config:  declaration,
		Prefixes: []string{
			"column.mask.with.", "column.mask.hash.", "column.truncate.to.", "snapshot.select.statement.overrides.",
			postProcessors + ".", "reselector.",
			consumerPrefix,
		},
		Validate: func(c connect.Config) connect.ConfigErrors {
			_, errs := parseSettings(c)
			return errs
		},
	}
}

// settings is a checked configuration. It is immutable and safe for concurrent use.
// Enumerations hold the lower-case value of the key, aliases resolved; durations of
// zero mean what zero means for the key.
type settings struct {
	Server      serverSettings
	Slot        slotSettings
	Publication publicationSettings
	Topics      topicSettings
	Format      formatSettings
	Snapshot    snapshotSettings
	Runtime     runtimeSettings
	Signals     signalSettings
	Notices     noticeSettings

	// filter says what is captured; columns what happens to values.
	filter  *filter
	columns *columnRules
	// reselect is nil if no values are asked for.
	reselect *reselectRules
}

// serverSettings say how to reach the database.
type serverSettings struct {
	Host, User, Password, Database            string
	Port                                      int
	TLSMode, Cert, Key, KeyPassword, RootCert string
	InitialStatements                         []string
	ConnectTimeout                            time.Duration
	Silence                                   time.Duration // after which a server is taken for gone, 0 for never
	QueryTimeout                              time.Duration // of statements on the catalog, 0 for none
}

type slotSettings struct {
	Name           string
	DropOnStop     bool
	Failover       bool
	Params         []pluginOption
	MaxRetries     int // has no effect: a slot in use is waited for
	RetryDelay     time.Duration
	LostPolicy     string // fail, resnapshot
	StatusInterval time.Duration
	Flush          bool          // whether the slot is moved at all: false for lsn.flush.mode=manual
	Mismatch       string        // no_validation, trust_offset, trust_greater_lsn
	Streaming      string        // off, on, parallel
	StreamingDir   string        // "" for the folder for temporary files
	StreamingMost  int64         // bytes of the spool, 0 for any number
	Lifetime       time.Duration // of a replication connection, 0 for any
}

// pluginOption is one option of START_REPLICATION.
type pluginOption struct{ Name, Value string }

type publicationSettings struct {
	Name       string
	Autocreate string // all_tables, disabled, filtered, no_tables
	ViaRoot    bool
	Identities []identityRule
}

type topicSettings struct {
	Prefix, Delimiter string
	Transaction       string // last part only
	SchemaChanges     string // connectd.schema.changes.topic, "" for none
	HeartbeatName     string // the whole name; "" means HeartbeatPrefix, dot, Prefix
	HeartbeatPrefix   string
	HeartbeatInterval time.Duration
	HeartbeatSQL      string // heartbeat.action.query
}

type formatSettings struct {
	Tombstones          bool
	Binary              string // bytes, base64, base64-url-safe, hex
	Decimal             string // string, double, precise
	Time                string // see timeModes
	Hstore              string // json, map
	Interval            string // numeric, string
	MoneyDigits         int
	Unavailable         string // as given, with its prefix hex: if it has one
	UnknownTypes        bool
	SchemaNames         adjustment
	FieldNames          adjustment
	ConvertFailure      string // fail, warn, skip
	Transactions        bool
	ContextHeaders      bool
	SkipUnchangedUpdate bool
}

type snapshotSettings struct {
	Mode                     string        // always, initial_only, configuration_based, when_needed, initial, no_data
	Data, Stream, DataOnLost bool          // of configuration_based
	Lock                     bool          // shared locks at the beginning
	LockTimeout              time.Duration // of these
	Statements               map[string]string
	Order                    string // disabled, ascending, descending
	Threads, ThreadParts     int
	WholeTables              bool // one thread for each table
	Delay, StreamDelay       time.Duration
	ChunkSize                int
	ChunkSizeSet             bool // not by default
}

type runtimeSettings struct {
	QueueBytes    int64
	EventFailure  string // fail, warn, skip
	MaxRetries    int    // -1 for no limit
	MaxTables     int    // 0 for any number
	TooManyTables string // warn, fail
}

type signalSettings struct {
	Table  string // as schema.table, "" for none
	Source bool   // whether signals are read from it
	// Topic is read for signals, through the client with the properties Consumer; "" for none.
	Topic    string
	Brokers  string // "" for the worker's own
	Group    string
	Consumer map[string]string
	// File is read for signals every PollInterval; "" for none.
	File         string
	PollInterval time.Duration
}

const defaultQueueBytes = 4 << 20

// parseSettings checks a decoded configuration as a whole. It names all mistakes, in
// the order of the keys, in the words of Debezium 3.7 where it refuses the same. The
// settings are usable only if there are none.
func parseSettings(c connect.Config) (*settings, connect.ConfigErrors) {
	p := &parser{c: c, chosen: map[string]string{}}
	p.choices()
	p.crossKey()
	s := &settings{
		Server: p.server(), Slot: p.slot(), Publication: p.publication(), Topics: p.topics(),
		Format: p.format(), Snapshot: p.snapshot(), Runtime: p.runtime(), Signals: p.signals(), Notices: p.notices(), reselect: p.reselect(),
	}
	var errs connect.ConfigErrors
	s.filter, errs = newFilter(c)
	p.errs = append(p.errs, errs...)
	s.columns, errs = newColumnRules(c.Raw())
	p.errs = append(p.errs, errs...)
	p.errs = append(p.errs, refused(c.Raw())...)
	return s, p.sorted()
}
