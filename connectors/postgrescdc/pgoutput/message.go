// SPDX-License-Identifier: Apache-2.0

package pgoutput

import "slices"

// Kind is the type byte of a message.
type Kind byte

// The kinds of messages, with the protocol version that brought them.
const (
	KindBegin            Kind = 'B' // fills Decoder.Begin
	KindCommit           Kind = 'C' // fills Decoder.Commit
	KindOrigin           Kind = 'O' // fills Decoder.Origin
	KindRelation         Kind = 'R' // fills Decoder.Relation
	KindType             Kind = 'Y' // fills Decoder.Type
	KindInsert           Kind = 'I' // fills Decoder.Change
	KindUpdate           Kind = 'U' // fills Decoder.Change
	KindDelete           Kind = 'D' // fills Decoder.Change
	KindTruncate         Kind = 'T' // fills Decoder.Truncate
	KindMessage          Kind = 'M' // fills Decoder.Message
	KindStreamStart      Kind = 'S' // fills Decoder.StreamStart; version 2
	KindStreamStop       Kind = 'E' // fills nothing; version 2
	KindStreamCommit     Kind = 'c' // fills Decoder.Commit; version 2
	KindStreamAbort      Kind = 'A' // fills Decoder.StreamAbort; version 2
	KindBeginPrepare     Kind = 'b' // fills Decoder.Prepare; version 3
	KindPrepare          Kind = 'P' // fills Decoder.Prepare; version 3
	KindCommitPrepared   Kind = 'K' // fills Decoder.CommitPrepared; version 3
	KindRollbackPrepared Kind = 'r' // fills Decoder.RollbackPrepared; version 3
	KindStreamPrepare    Kind = 'p' // fills Decoder.Prepare; version 3
)

// String returns the name that the documentation of PostgreSQL gives the message,
// or the byte in quotes if there is none.
func (k Kind) String() string {
	switch k {
	case KindBegin:
		return "Begin"
	case KindCommit:
		return "Commit"
	case KindOrigin:
		return "Origin"
	case KindRelation:
		return "Relation"
	case KindType:
		return "Type"
	case KindInsert:
		return "Insert"
	case KindUpdate:
		return "Update"
	case KindDelete:
		return "Delete"
	case KindTruncate:
		return "Truncate"
	case KindMessage:
		return "Message"
	}
	return k.laterName()
}

// laterName are the names since protocol version 2.
func (k Kind) laterName() string {
	switch k {
	case KindStreamStart:
		return "Stream Start"
	case KindStreamStop:
		return "Stream Stop"
	case KindStreamCommit:
		return "Stream Commit"
	case KindStreamAbort:
		return "Stream Abort"
	case KindBeginPrepare:
		return "Begin Prepare"
	case KindPrepare:
		return "Prepare"
	case KindCommitPrepared:
		return "Commit Prepared"
	case KindRollbackPrepared:
		return "Rollback Prepared"
	case KindStreamPrepare:
		return "Stream Prepare"
	}
	return quote(byte(k))
}

// Begin starts a transaction that has committed; its changes follow, then Commit.
type Begin struct {
	// FinalLSN is the LSN of the commit record: CommitLSN of the Commit.
	FinalLSN LSN
	// Time is when the transaction committed.
	Time Timestamp
	// XID is the transaction.
	XID uint32
}

// Commit ends a transaction, also a streamed one.
type Commit struct {
	// CommitLSN is the LSN of the commit record; it orders transactions.
	CommitLSN LSN
	// EndLSN is behind the commit record: what to confirm and where to start again.
	EndLSN LSN
	// Time is when the transaction committed.
	Time Timestamp
	// XID is the transaction of a Stream Commit; 0 for a Commit, which ends the last
	// Begin.
	XID uint32
}

// Origin follows Begin if the transaction was replicated from another server.
type Origin struct {
	// CommitLSN is the commit on the server of origin.
	CommitLSN LSN
	// Name is the replication origin.
	Name string
}

// Relation describes a table as of the changes that follow. It can be kept.
type Relation struct {
	// ID is the OID of the table, which renaming keeps.
	ID uint32
	// Namespace is the schema of the table.
	Namespace string
	// Name is the table without its schema.
	Name string
	// ReplicaIdentity is 'd' (default: the primary key), 'n' (nothing), 'f' (full) or
	// 'i' (an index).
	ReplicaIdentity byte
	// Columns are those that are published, in the order of tuples.
	Columns []RelationColumn
}

// RelationColumn describes a column of a table.
type RelationColumn struct {
	// Key says that the column is part of the replica identity, which is every column
	// if that is full.
	Key bool
	// Name of the column.
	Name string
	// TypeOID is the data type.
	TypeOID uint32
	// TypeModifier is atttypmod, such as a length or a scale; -1 for none.
	TypeModifier int32
}

// Equal reports whether r and o say the same, as repeated descriptions do. Two nil
// relations are equal.
func (r *Relation) Equal(o *Relation) bool {
	if r == nil || o == nil {
		return r == o
	}
	return r.ID == o.ID && r.Namespace == o.Namespace && r.Name == o.Name &&
		r.ReplicaIdentity == o.ReplicaIdentity && slices.Equal(r.Columns, o.Columns)
}

// Type names a data type that is not built in, before the Relation that uses it.
type Type struct {
	// OID of the type.
	OID uint32
	// Namespace is the schema of the type.
	Namespace string
	// Name of the type, without its schema.
	Name string
}

// Kinds of columns in a tuple.
const (
	ColumnNull      = 'n' // NULL, or unknown in an old tuple of kind 'K'
	ColumnUnchanged = 'u' // a TOASTed value that the update did not change and the log does not hold
	ColumnText      = 't' // the output function's text
	ColumnBinary    = 'b' // the send function's bytes
)

// Column is one value of a row.
type Column struct {
	// Kind is ColumnNull, ColumnUnchanged, ColumnText or ColumnBinary.
	Kind byte
	// Data is the value of a text or binary column, and nil otherwise. It aliases the
	// input of Decode.
	Data []byte
}

// Change is an inserted, updated or deleted row.
type Change struct {
	// RelationID is the table: the ID of an earlier Relation.
	RelationID uint32
	// OldKind is 'K' if Old has the replica identity (of an update: because it has
	// changed), 'O' if Old is the whole row, 0 if there is no old tuple.
	OldKind byte
	// Old is the row before an update or delete; empty if OldKind is 0.
	Old []Column
	// New is the row after an insert or update; empty for a delete.
	New []Column
}

// Truncate empties tables.
type Truncate struct {
	// Cascade and RestartIdentity are options of the statement.
	Cascade, RestartIdentity bool
	// RelationIDs are the tables, in the order of the log record.
	RelationIDs []uint32
}

// Message is what pg_logical_emit_message wrote; sent if the option messages is on.
type Message struct {
	// Transactional says that the message is part of a transaction. Others are sent
	// at once, outside any Begin and Commit of their own.
	Transactional bool
	// LSN of the message.
	LSN LSN
	// Prefix is what it is about, as the writer chose.
	Prefix string
	// Content aliases the input of Decode.
	Content []byte
}

// StreamStart begins a block of changes of a transaction that is still in progress.
type StreamStart struct {
	// XID is the transaction.
	XID uint32
	// First says that it is the first block of the transaction.
	First bool
}

// StreamAbort drops what was streamed of a transaction or subtransaction.
type StreamAbort struct {
	// XID is the transaction, SubXID what is aborted: the same for all of it.
	XID, SubXID uint32
	// Detailed says that LSN and Time were sent: by version 4 with parallel streaming.
	Detailed bool
	// LSN is the abort record.
	LSN LSN
	// Time is when it aborted.
	Time Timestamp
}

// Prepare is the first phase of a two-phase commit, before its changes (Begin
// Prepare) or after them (Prepare, Stream Prepare).
type Prepare struct {
	// PrepareLSN is the LSN of the prepare record.
	PrepareLSN LSN
	// EndLSN is behind the prepare record.
	EndLSN LSN
	// Time is when the transaction was prepared.
	Time Timestamp
	// XID is the transaction.
	XID uint32
	// GID is the name that PREPARE TRANSACTION gave it.
	GID string
}

// CommitPrepared commits a prepared transaction.
type CommitPrepared struct {
	// CommitLSN is the LSN of the commit record.
	CommitLSN LSN
	// EndLSN is behind the commit record.
	EndLSN LSN
	// Time is when the transaction committed.
	Time Timestamp
	// XID is the transaction.
	XID uint32
	// GID is the name that PREPARE TRANSACTION gave it.
	GID string
}

// RollbackPrepared rolls a prepared transaction back.
type RollbackPrepared struct {
	// PrepareEndLSN is behind the prepare record.
	PrepareEndLSN LSN
	// EndLSN is behind the rollback record.
	EndLSN LSN
	// PrepareTime and Time are when it was prepared and rolled back.
	PrepareTime, Time Timestamp
	// XID is the transaction.
	XID uint32
	// GID is the name that PREPARE TRANSACTION gave it.
	GID string
}
