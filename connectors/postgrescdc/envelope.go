// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strconv"

	"github.com/connectd/connectd/connect"
)

const connectorName = "postgresql"

// Values of op.
var (
	opCreate   = connect.String("c")
	opUpdate   = connect.String("u")
	opDelete   = connect.String("d")
	opRead     = connect.String("r")
	opTruncate = connect.String("t")
	opMessage  = connect.String("m")
)

// Values of source.snapshot.
var (
	snapshotNo          = connect.String("false")
	snapshotYes         = connect.String("true")
	snapshotFirst       = connect.String("first")
	snapshotFirstOf     = connect.String("first_in_data_collection")
	snapshotLastOf      = connect.String("last_in_data_collection")
	snapshotLast        = connect.String("last")
	snapshotIncremental = connect.String("incremental")
)

// Places of the fields of an envelope.
const (
	envelopeBefore = iota
	envelopeAfter
	envelopeSource
	envelopeTransaction
	envelopeOp
	envelopeMillis
	envelopeMicros
	envelopeNanos
)

// schemas are those that all tables of a connector share. They are immutable.
type schemas struct {
	source         *connect.Schema
	block          *connect.Schema
	collection     *connect.Schema
	transactionKey *connect.Schema
	transaction    *connect.Schema
	heartbeatKey   *connect.Schema
	heartbeat      *connect.Schema
	messageKey     *connect.Schema
	message        *connect.Schema
	messageValue   *connect.Schema
	changes        *changeSchemas
	notices        *noticeSchemas
}

// newSchemas builds the shared schemas. content is the schema of a logical message's
// content, which follows binary.handling.mode.
func newSchemas(content *connect.Schema) *schemas {
	s := &schemas{source: sourceSchema()}
	s.changes, s.notices = newChangeSchemas(s.source), newNoticeSchemas()
	s.block = connect.NewStruct("event.block").Version(1).Optional().
		Field("id", connect.StringSchema).
		Field("total_order", connect.Int64Schema).
		Field("data_collection_order", connect.Int64Schema).MustBuild()
	s.collection = connect.NewStruct("event.collection").Version(1).Optional().
		Field("data_collection", connect.StringSchema).
		Field("event_count", connect.Int64Schema).MustBuild()
	s.transactionKey = connect.NewStruct("io.debezium.connector.common.TransactionMetadataKey").Version(1).
		Field("id", connect.StringSchema).MustBuild()
	s.transaction = connect.NewStruct("io.debezium.connector.common.TransactionMetadataValue").Version(1).
		Field("status", connect.StringSchema).
		Field("id", connect.StringSchema).
		Field("event_count", connect.OptionalInt64Schema).
		Field("data_collections", connect.NewArray(s.collection).Optional().MustBuild()).
		Field("ts_ms", connect.Int64Schema).MustBuild()
	s.heartbeatKey = connect.NewStruct("io.debezium.connector.common.ServerNameKey").Version(1).
		Field("serverName", connect.StringSchema).MustBuild()
	s.heartbeat = connect.NewStruct("io.debezium.connector.common.Heartbeat").Version(1).
		Field("ts_ms", connect.Int64Schema).MustBuild()
	s.messageKey = connect.NewStruct("io.debezium.connector.postgresql.MessageKey").Version(1).
		Field("prefix", connect.OptionalStringSchema).MustBuild()
	s.message = connect.NewStruct("io.debezium.connector.postgresql.Message").Version(1).
		Field("prefix", connect.OptionalStringSchema).
		Field("content", content).MustBuild()
	s.messageValue = connect.NewStruct("io.debezium.connector.postgresql.MessageValue").Version(1).
		Field("op", connect.StringSchema).
		Field("ts_ms", connect.OptionalInt64Schema).
		Field("source", s.source).
		Field("transaction", s.block).
		Field("message", s.message).MustBuild()
	return s
}

func sourceSchema() *connect.Schema {
	snapshot := connect.NewSchema(connect.TypeString).Name("io.debezium.data.Enum").Version(1).
		Param("allowed", "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental").
		Default(snapshotNo).Optional().MustBuild()
	return connect.NewStruct("io.debezium.connector.postgresql.Source").Version(1).
		Field("version", connect.StringSchema).
		Field("connector", connect.StringSchema).
		Field("name", connect.StringSchema).
		Field("ts_ms", connect.Int64Schema).
		Field("snapshot", snapshot).
		Field("db", connect.StringSchema).
		Field("sequence", connect.OptionalStringSchema).
		Field("ts_us", connect.OptionalInt64Schema).
		Field("ts_ns", connect.OptionalInt64Schema).
		Field("schema", connect.StringSchema).
		Field("table", connect.StringSchema).
		Field("txId", connect.OptionalInt64Schema).
		Field("lsn", connect.OptionalInt64Schema).
		Field("xmin", connect.OptionalInt64Schema).
		Field("origin", connect.OptionalStringSchema).
		Field("origin_lsn", connect.OptionalInt64Schema).MustBuild()
}

// envelope builds the schema of a table's values around that of its rows.
func (s *schemas) envelope(name string, row *connect.Schema) *connect.Schema {
	return connect.NewStruct(name).Version(2).
		Field("before", row).
		Field("after", row).
		Field("source", s.source).
		Field("transaction", s.block).
		Field("op", connect.StringSchema).
		Field("ts_ms", connect.OptionalInt64Schema).
		Field("ts_us", connect.OptionalInt64Schema).
		Field("ts_ns", connect.OptionalInt64Schema).MustBuild()
}

// Places of the fields of source that are not the same for all records of a connector.
const (
	sourceMillis     = 3
	sourceSnapshot   = 4
	sourceSequence   = 6
	sourceMicros     = 7
	sourceNanos      = 8
	sourceTableSpace = 9
	sourceTable      = 10
	sourceTxID       = 11
	sourceLSN        = 12
	sourceXmin       = 13
	sourceOrigin     = 14
	sourceOriginLSN  = 15
)

// origin is what a source block says besides the table.
type origin struct {
	snapshot connect.Value
	micros   int64
	// txID is zero outside of transactions, and lsn for rows of incremental snapshots.
	txID       int64
	lsn        lsn
	lastCommit lsn
	// name and lsnThere are of the node from which the change was replicated; null if
	// it was made here.
	name     connect.Value
	lsnThere connect.Value
}

// sourceBlock makes the source of one record.
func (e *emitter) sourceBlock(a *connect.Arena, o *origin, schema, table connect.Value) connect.Value {
	st := a.Struct(e.schemas.source)
	copy(st.Values, e.sourceTemplate)
	v := st.Values
	v[sourceMillis] = connect.Int64(floorDiv(o.micros, 1000))
	v[sourceSnapshot] = o.snapshot
	v[sourceSequence] = sequence(a, o.lastCommit, o.lsn)
	v[sourceMicros] = connect.Int64(o.micros)
	v[sourceNanos] = connect.Int64(o.micros * 1000)
	v[sourceTableSpace], v[sourceTable] = schema, table
	if o.txID != 0 {
		v[sourceTxID] = connect.Int64(o.txID)
	}
	if o.lsn != 0 {
		v[sourceLSN] = connect.Int64(int64(o.lsn))
	}
	v[sourceOrigin], v[sourceOriginLSN] = o.name, o.lsnThere
	return connect.StructValue(st)
}

func floorDiv(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}

// sequenceLength is enough for two numbers of 20 digits and what stands around them.
const sequenceLength = 2*20 + len(`["",""]`)

// sequence writes the newest commit and the place of the change as a JSON array of
// two strings; what is not known is null.
func sequence(a *connect.Arena, commit, at lsn) connect.Value {
	b := a.Bytes(sequenceLength)[:0]
	b = append(b, '[')
	b = appendQuoted(b, commit)
	b = append(b, ',')
	b = appendQuoted(b, at)
	return connect.StringOf(append(b, ']'))
}

func appendQuoted(b []byte, at lsn) []byte {
	if at == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = strconv.AppendUint(b, uint64(at), 10)
	return append(b, '"')
}

// transactionID writes the id of a transaction as Debezium does: the number of the
// transaction and the place of the very record.
func transactionID(a *connect.Arena, txID int64, at lsn) connect.Value {
	b := a.Bytes(2*20 + 1)[:0]
	b = strconv.AppendInt(b, txID, 10)
	b = append(b, ':')
	b = strconv.AppendUint(b, uint64(at), 10)
	return connect.StringOf(b)
}
