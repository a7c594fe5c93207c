// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/base64"
	"encoding/hex"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/javamap"
)

// messageCollection is the name under which logical messages of a transaction are
// counted. Debezium 3.7 prints an address of its heap there.
const messageCollection = "LOGICAL_DECODING_MESSAGE"

// counts are the events of the transaction by table.
type counts struct {
	total  int64
	tables []tableCount
}

type tableCount struct {
	name string
	n    int64
}

func (c *counts) reset() { c.total, c.tables = 0, c.tables[:0] }

// next counts an event and returns its place in the transaction and among the events of
// its table.
func (c *counts) next(name string) (total, ofTable int64) {
	c.total++
	i := slices.IndexFunc(c.tables, func(t tableCount) bool { return t.name == name })
	if i < 0 {
		i = len(c.tables)
		c.tables = append(c.tables, tableCount{name: name})
	}
	c.tables[i].n++
	return c.total, c.tables[i].n
}

// sorted returns the tables in the order in which Java iterates over a HashMap of their
// names, which is the order of Debezium's records.
func (c *counts) sorted() []tableCount {
	out := slices.Clone(c.tables)
	javamap.Sort(out, javamap.DefaultBuckets, func(t tableCount) string { return t.name })
	return out
}

// block is the transaction block of an event, null unless they are asked for.
func (e *emitter) block(a *connect.Arena, collection string) connect.Value {
	if !e.s.Format.Transactions || !e.tx.open {
		return connect.Null()
	}
	total, ofTable := e.tx.counts.next(collection)
	st := a.Struct(e.schemas.block)
	st.Values[0] = transactionID(a, e.tx.txID, e.tx.at)
	st.Values[1], st.Values[2] = connect.Int64(total), connect.Int64(ofTable)
	return connect.StructValue(st)
}

// metadataSize is what a record of the connector's own counts in a batch.
const metadataSize = 256

func (e *emitter) transactionTopic() string {
	return legalTopic(e.s.Topics.Prefix + e.s.Topics.Delimiter + e.s.Topics.Transaction)
}

// transactionBegin writes the record that opens a transaction.
func (e *emitter) transactionBegin(at lsn) {
	e.tx.at, e.tx.what = at, changeBegin
	e.tx.ordinal = 1
	r := e.record(metadataSize, false)
	e.tx.ordinal = 0
	e.transactionRecord(r, "BEGIN")
	// A connection that breaks before the first change must not bring it again.
	if e.place.commit != e.tx.commit {
		e.place.commit, e.place.ordinal, e.place.part = e.tx.commit, 0, 1
	}
}

// transactionEnd writes the record that closes a transaction.
func (e *emitter) transactionEnd() {
	e.tx.what = changeCommit
	// The begin is the first part of what comes first, also if that is the end: servers
	// before version 15 send transactions without changes.
	if e.tx.ordinal++; e.tx.ordinal > 1 {
		e.tx.part = 0
	}
	r := e.record(metadataSize, false)
	a := &e.b.Arena
	st := e.transactionRecord(r, "END")
	st.Values[2] = connect.Int64(e.tx.counts.total)
	tables := e.tx.counts.sorted()
	list := a.Values(len(tables))
	for i, t := range tables {
		c := a.Struct(e.schemas.collection)
		c.Values[0], c.Values[1] = connect.String(t.name), connect.Int64(t.n)
		list[i] = connect.StructValue(c)
	}
	st.Values[3] = connect.Array(list)
}

func (e *emitter) transactionRecord(r *connect.Record, status string) *connect.Struct {
	a := &e.b.Arena
	id := transactionID(a, e.tx.txID, e.tx.at)
	key := a.Struct(e.schemas.transactionKey)
	key.Values[0] = id
	v := a.Struct(e.schemas.transaction)
	v.Values[0], v.Values[1] = connect.String(status), id
	v.Values[4] = connect.Int64(floorDiv(e.tx.micros, 1000))
	r.Topic = e.transactionTopic()
	r.KeySchema, r.Key = e.schemas.transactionKey, connect.StructValue(key)
	r.ValueSchema, r.Value = e.schemas.transaction, connect.StructValue(v)
	return v
}

// contentSchema is the schema of a logical message's content.
func contentSchema(mode string) *connect.Schema {
	if mode == "bytes" {
		return connect.OptionalBytesSchema
	}
	return connect.OptionalStringSchema
}

// content renders bytes as binary.handling.mode says.
func content(a *connect.Arena, mode string, b []byte) connect.Value {
	switch mode {
	case "base64":
		out := a.Bytes(base64.StdEncoding.EncodedLen(len(b)))
		base64.StdEncoding.Encode(out, b)
		return connect.StringOf(out)
	case "base64-url-safe":
		out := a.Bytes(base64.URLEncoding.EncodedLen(len(b)))
		base64.URLEncoding.Encode(out, b)
		return connect.StringOf(out)
	case "hex":
		out := a.Bytes(hex.EncodedLen(len(b)))
		hex.Encode(out, b)
		return connect.StringOf(out)
	}
	return connect.Bytes(a.Copy(b))
}

// message writes a logical message. One outside of transactions has a place of its own,
// since it comes before changes that were written earlier.
func (e *emitter) message(transactional bool, at lsn, prefix string, data []byte) {
	if transactional {
		if !e.change(changeMessage, at) {
			return
		}
		defer e.changed()
	} else if at <= e.place.message {
		return
	}
	captured := e.s.filter.message(prefix)
	if !transactional {
		e.place.message, e.place.lastCommit = at, at
	}
	if !captured {
		return
	}
	o := e.origin()
	var r *connect.Record
	if transactional {
		r = e.record(metadataSize+len(data), true)
	} else {
		p := e.place
		p.lsn, p.change = at, changeMessage
		r = e.fixed(metadataSize+len(data), p)
		o = origin{snapshot: snapshotNo, micros: e.commitTime(), lsn: at, lastCommit: at}
	}
	e.messageRecord(r, o, transactional, prefix, data)
}

// commitTime is that of the newest commit, or now if none was seen.
func (e *emitter) commitTime() int64 {
	if e.micros == 0 {
		return e.now().UnixMicro()
	}
	return e.micros
}

func (e *emitter) messageRecord(r *connect.Record, o origin, transactional bool, prefix string, data []byte) {
	a := &e.b.Arena
	name := connect.String(prefix)
	key := a.Struct(e.schemas.messageKey)
	key.Values[0] = name
	m := a.Struct(e.schemas.message)
	m.Values[0], m.Values[1] = name, content(a, e.s.Format.Binary, data)
	v := a.Struct(e.schemas.messageValue)
	v.Values[0], v.Values[1] = opMessage, connect.Int64(e.now().UnixMilli())
	v.Values[2] = e.sourceBlock(a, &o, connect.String(""), connect.String(""))
	if transactional {
		v.Values[3] = e.block(a, messageCollection)
	}
	v.Values[4] = connect.StructValue(m)
	r.Topic = legalTopic(e.s.Topics.Prefix + ".message")
	r.KeySchema, r.Key = e.schemas.messageKey, connect.StructValue(key)
	r.ValueSchema, r.Value = e.schemas.messageValue, connect.StructValue(v)
}

// heartbeat writes a heartbeat.
func (e *emitter) heartbeat() {
	a := &e.b.Arena
	r := e.fixed(metadataSize, e.place)
	key := a.Struct(e.schemas.heartbeatKey)
	key.Values[0] = connect.String(e.s.Topics.Prefix)
	v := a.Struct(e.schemas.heartbeat)
	v.Values[0] = connect.Int64(e.now().UnixMilli())
	r.Topic = e.s.Topics.HeartbeatName
	if r.Topic == "" {
		r.Topic = legalTopic(e.s.Topics.HeartbeatPrefix + "." + e.s.Topics.Prefix)
	}
	r.KeySchema, r.Key = e.schemas.heartbeatKey, connect.StructValue(key)
	r.ValueSchema, r.Value = e.schemas.heartbeat, connect.StructValue(v)
}
