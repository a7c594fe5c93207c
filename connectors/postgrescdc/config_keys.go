// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"math"

	"github.com/connectd/connectd/connect"
)

// Groups of keys, in the order and under the names of the original.
const (
	groupConnection  = "CONNECTION"
	groupConnAdv     = "CONNECTION_ADVANCED"
	groupConnector   = "CONNECTOR"
	groupAdvanced    = "CONNECTOR_ADVANCED"
	groupSnapshot    = "CONNECTOR_SNAPSHOT"
	groupRuntime     = "ADVANCED"
	groupHeartbeat   = "ADVANCED_HEARTBEAT"
	groupFilters     = "FILTERS"
	groupTLS         = "CONNECTION_ADVANCED_SSL"
	groupReplication = "CONNECTION_ADVANCED_REPLICATION"
)

// declaration is every key of the connector but the families whose names hold a
// number, an algorithm or a table; see families.
var declaration = connect.Define(concat(connectionKeys, replicationKeys, filterKeys, formatKeys, snapshotKeys, runtimeKeys)...)

func concat(groups ...[]connect.ConfigKey) []connect.ConfigKey {
	var out []connect.ConfigKey
	for _, g := range groups {
		out = append(out, g...)
	}
	return out
}

// declare makes a key; def "" is "not set".
func declare(group string, t connect.ConfigType, name, def string, imp connect.Importance, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: t, Default: def, Null: def == "", Importance: imp, Group: group, Doc: doc}
}

func text(group, name, def string, imp connect.Importance, doc string) connect.ConfigKey {
	return declare(group, connect.TypeConfigString, name, def, imp, doc)
}

// patterns declares a list whose elements may hold escaped commas; see listText.
func patterns(group, name string, imp connect.Importance, doc string) connect.ConfigKey {
	return declare(group, connect.TypeConfigList, name, "", imp, doc)
}

func toggle(group, name, def string, imp connect.Importance, doc string) connect.ConfigKey {
	return declare(group, connect.TypeConfigBoolean, name, def, imp, doc)
}

func secret(group, name string, imp connect.Importance, doc string) connect.ConfigKey {
	return declare(group, connect.TypeConfigPassword, name, "", imp, doc)
}

func number(group, name, def string, least, most int64, imp connect.Importance, doc string) connect.ConfigKey {
	k := declare(group, connect.TypeConfigLong, name, def, imp, doc)
	if most <= math.MaxInt32 {
		k.Type = connect.TypeConfigInt
	}
	k.Check = connect.Between(least, most)
	return k
}

// oneOf declares a key of an enumeration. Its values are checked by parseSettings,
// which knows the aliases and answers in the words of the original.
func oneOf(group string, c choice, def string, imp connect.Importance, doc string) connect.ConfigKey {
	k := text(group, c.key, def, imp, doc)
	k.Recommended = c.values
	return k
}

const (
	high   = connect.ImportanceHigh
	medium = connect.ImportanceMedium
	low    = connect.ImportanceLow
)

const anyNumber = math.MaxInt64

var connectionKeys = []connect.ConfigKey{
	text(groupConnection, "database.hostname", "", high, "Host name or address of the server, or the folder of its Unix socket."),
	number(groupConnection, "database.port", "5432", 1, 65535, high, "Port of the server."),
	text(groupConnection, "database.user", "", high, "User with the privileges REPLICATION, and SELECT on the captured tables."),
	secret(groupConnection, "database.password", high, "Password of the user; not needed where the server asks for none."),
	text(groupConnection, "database.dbname", "", high, "The database to capture. A slot belongs to one database: use one connector for each."),
	number(groupConnection, "database.query.timeout.ms", "600000", 0, math.MaxInt32, low, "How long a statement on the catalog, of heartbeat.action.query or of a post processor may take, in milliseconds; 0 for no limit. Reading tables, and making the slot, may take any time."),
	toggle(groupConnAdv, "skip.messages.without.change", "false", medium, "Drop updates in which no included column has changed. Has an effect on tables with REPLICA IDENTITY FULL."),
	text(groupConnAdv, "database.initial.statements", "", low, "SQL statements, separated by semicolons, for each new session but the one that streams. A doubled semicolon stands for one in a statement."),
	toggle(groupConnAdv, "database.tcpKeepAlive", "true", medium, "Accepted for compatibility: probes keep idle connections open in any case."),
	number(groupRuntime, "connection.validation.timeout.ms", "60000", 1, anyNumber, low, "How long connecting may take, in milliseconds."),
	number(groupRuntime, keySilence, "60000", 0, math.MaxInt32, low, "How long the server may say nothing until a connection is given up, in milliseconds: the one that streams is asked after half of it, the others have TCP's probes. 0 leaves it to the operating system, which takes minutes to hours. Only here."),
	oneOf(groupTLS, sslModes, "prefer", medium, "Whether the connection is encrypted, and how the server is verified, as in libpq."),
	text(groupTLS, "database.sslcert", "", medium, "File of the client's certificate, PEM."),
	text(groupTLS, "database.sslkey", "", medium, "File of the client's private key, PEM."),
	secret(groupTLS, "database.sslpassword", medium, "Password of the private key."),
	text(groupTLS, "database.sslrootcert", "", medium, "File of the certificates that the server is verified against, PEM."),
}

var replicationKeys = []connect.ConfigKey{
	oneOf(groupReplication, decodingPlugins, "pgoutput", medium, "Output plugin of the slot."),
	text(groupReplication, "slot.name", "debezium", medium, "Name of the replication slot: lower-case letters, digits and underscores. It is made at the first start if it does not exist."),
	text(groupReplication, "publication.name", "dbz_publication", medium, "Name of the publication that selects what the server sends."),
	oneOf(groupReplication, autocreateModes, "filtered", medium, "How the publication comes about. filtered: made, and kept, with the captured tables. all_tables: made for all tables, which needs a superuser and makes updates of tables without a primary key fail. no_tables: made empty, for logical messages. disabled: it must exist."),
	toggle(groupConnector, "publish.via.partition.root", "false", medium, "Whether a publication that is made sends changes of partitions under the name of the partitioned table."),
	text(groupReplication, "replica.identity.autoset.values", "", medium, "Replica identities to set at start: schema.table:FULL, also DEFAULT, NOTHING and INDEX name, separated by commas. The table is a regular expression. Needs ownership."),
	toggle(groupReplication, "slot.drop.on.stop", "false", medium, "Drop the slot at an orderly stop. For tests: what changes until the next start is lost."),
	toggle(groupReplication, "slot.failover", "false", medium, "Make the slot so that it survives a failover; one that is there is changed at the start. Has an effect on primaries of version 17 and later."),
	text(groupReplication, "slot.stream.params", "", low, "Further options of the output plugin, as name=value separated by semicolons, such as origin=none."),
	oneOf(groupReplication, slotStreaming, "off", medium, "When the server sends large transactions. off: when they have committed, protocol version 1. on: while they are in progress, version 2, of servers since 14; they are kept in files until they commit. parallel: the same by version 4, of servers since 16. The records are the same. An older server gets what it knows. Only here."),
	text(groupReplication, keyStreamingDir, "", low, "Folder for the files of slot.streaming: each task has one of its own in it, which nobody else can read. Not set: the folder of the operating system for temporary files, which should not lie in memory. Only here."),
	number(groupReplication, keyStreamingMost, "0", 0, anyNumber, low, "How many bytes slot.streaming may keep of transactions in progress, in memory and in files; 0 for as many as the disk takes. When there is no more room, the connection is made anew without transactions in progress, as with off, and nothing is lost. Only here."),
	number(groupReplication, keyLifetime, "0", 0, anyNumber, low, "How long a replication connection lives, in milliseconds: then another is opened, between two transactions, which gives back what the server's process has gathered of memory. 0 for any time. Only here."),
	number(groupReplication, "slot.max.retries", "6", 0, math.MaxInt32, low, "Accepted for compatibility: while another connection has the slot the task waits, with growing pauses and a line in the log; errors.max.retries bounds it."),
	number(groupReplication, "slot.retry.delay.ms", "10000", 0, anyNumber, low, "The longest pause between two attempts to connect, in milliseconds. Pauses begin at 100 ms and double."),
	oneOf(groupReplication, lostPolicies, "fail", high, "What to do when the server no longer has the changes that follow the stored offset: the slot is missing, invalidated, ahead of the offset or of another server. fail stops with an error; resnapshot makes a new slot and reads all tables again. Only here."),
	number(groupReplication, "status.update.interval.ms", "10000", 1, math.MaxInt32, medium, "How often the server is told what has been committed, in milliseconds."),
	oneOf(groupConnector, flushModes, "", low, "Who moves the slot. connector, which counts when nothing is set: this connector, after the commit in Kafka, also when the tables are idle. connector_and_driver: the same. manual: nobody; something else has to."),
	toggle(groupConnector, "flush.lsn.source", "true", low, "The older form of lsn.flush.mode: false is manual."),
	number(groupReplication, "lsn.flush.timeout.ms", "30000", 1, anyNumber, medium, "Accepted for compatibility: a connection that cannot be written is made anew."),
	oneOf(groupReplication, flushActions, "fail", medium, "Accepted for compatibility, as lsn.flush.timeout.ms."),
	oneOf(groupReplication, mismatchStrategies, "no_validation", low, "What to do when the stored offset and the slot disagree. Here an offset behind the slot is a gap under every strategy, and slot.lost.policy decides; trust_offset and trust_greater_lsn say the same. trust_slot is refused."),
}

var filterKeys = []connect.ConfigKey{
	patterns(groupFilters, "schema.include.list", high, "Schemas to capture: regular expressions for the whole name, without regard to case, separated by commas (\\, for a comma)."),
	patterns(groupFilters, "schema.exclude.list", medium, "Schemas not to capture. Not together with schema.include.list."),
	patterns(groupFilters, "table.include.list", high, "Tables to capture: regular expressions for schema.table."),
	patterns(groupFilters, "table.exclude.list", medium, "Tables not to capture. Not together with table.include.list."),
	toggle(groupFilters, "table.ignore.builtin", "true", low, "System schemas are never captured: only true is accepted."),
	patterns(groupFilters, "column.include.list", medium, "Columns to include: regular expressions for schema.table.column. Key columns are in the key in any case."),
	patterns(groupFilters, "column.exclude.list", medium, "Columns to leave out. Not together with column.include.list."),
	patterns(groupConnector, "message.prefix.include.list", medium, "Prefixes of logical messages to capture: regular expressions."),
	patterns(groupConnector, "message.prefix.exclude.list", medium, "Prefixes of logical messages to leave out. Not together with message.prefix.include.list."),
	declare(groupConnector, connect.TypeConfigList, "skipped.operations", "t", low, "Operations to leave out: c, u, d, t, or none."),
	text(groupAdvanced, "message.key.columns", "", medium, "Columns of the message key, instead of the primary key: schema.table:column,column;…  The table is a regular expression."),
}
