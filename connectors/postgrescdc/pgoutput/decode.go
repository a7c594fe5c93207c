// SPDX-License-Identifier: Apache-2.0

package pgoutput

// Decoder decodes messages. Decode fills the field of the message's kind and leaves
// the others as they were. The zero value is ready. A Decoder is for one goroutine.
type Decoder struct {
	// XID is the transaction or subtransaction of the message if it was decoded as
	// part of a stream block and is a Relation, Type, Insert, Update, Delete, Truncate
	// or Message; else 0.
	XID uint32

	// Begin is what KindBegin fills.
	Begin Begin
	// Commit is what KindCommit and KindStreamCommit fill.
	Commit Commit
	// Origin is what KindOrigin fills.
	Origin Origin
	// Relation is what KindRelation makes: a new one each time, which the decoder does
	// not touch again.
	Relation *Relation
	// Type is what KindType fills.
	Type Type
	// Change is what KindInsert, KindUpdate and KindDelete fill.
	Change Change
	// Truncate is what KindTruncate fills.
	Truncate Truncate
	// Message is what KindMessage fills.
	Message Message
	// StreamStart is what KindStreamStart fills.
	StreamStart StreamStart
	// StreamAbort is what KindStreamAbort fills.
	StreamAbort StreamAbort
	// Prepare is what KindBeginPrepare, KindPrepare and KindStreamPrepare fill.
	Prepare Prepare
	// CommitPrepared is what KindCommitPrepared fills.
	CommitPrepared CommitPrepared
	// RollbackPrepared is what KindRollbackPrepared fills.
	RollbackPrepared RollbackPrepared

	r        reader
	old, new []Column // room that is used again
}

// Decode decodes one message, the data of an XLogData frame. inStream says that the
// message came after a Stream Start and before the Stream Stop of its block, where
// changes carry a transaction id. Slices of the decoded message alias data or are
// overwritten by the next call; strings and relations can be kept.
//
// An error is an *Error; what the message filled is not to be used then. The kind is
// returned also with an error, 0 if data is empty.
func (d *Decoder) Decode(data []byte, inStream bool) (Kind, error) {
	if len(data) == 0 {
		return 0, &Error{What: "message", Rule: "is empty"}
	}
	kind := Kind(data[0])
	d.r = reader{data: data, off: 1}
	d.XID = 0
	switch kind {
	case KindInsert, KindUpdate, KindDelete:
		d.xid(inStream)
		d.change(kind)
	case KindRelation, KindType, KindTruncate, KindMessage:
		d.xid(inStream)
		d.describe(kind)
	default:
		if !d.transaction(kind) && !d.twoPhase(kind) {
			return kind, &Error{What: "message", Rule: "has unknown kind " + quote(data[0])}
		}
	}
	return kind, d.r.finish(kind)
}

func (d *Decoder) xid(inStream bool) {
	if inStream {
		d.XID = d.r.uint32("transaction id")
	}
}

func (d *Decoder) change(kind Kind) {
	c := &d.Change
	*c = Change{RelationID: d.r.uint32("relation id")}
	tag := d.r.byte("tuple kind")
	if kind != KindInsert && (tag == 'K' || tag == 'O') {
		c.OldKind = tag
		d.old = d.r.tuple(d.old[:0])
		c.Old = d.old
		if kind == KindDelete {
			return
		}
		tag = d.r.byte("tuple kind")
	}
	if tag != 'N' || kind == KindDelete {
		d.r.fail(d.r.off-1, "has tuple kind "+quote(tag)+", want "+tupleKinds(kind, c.OldKind))
		return
	}
	d.new = d.r.tuple(d.new[:0])
	c.New = d.new
}

func tupleKinds(kind Kind, old byte) string {
	switch {
	case kind == KindInsert || old != 0:
		return `"N"`
	case kind == KindDelete:
		return `"K" or "O"`
	}
	return `"K", "O" or "N"`
}

// describe decodes what is neither a row nor about transactions.
func (d *Decoder) describe(kind Kind) {
	switch kind {
	case KindRelation:
		d.relation()
	case KindType:
		d.Type = Type{
			OID:       d.r.uint32("type id"),
			Namespace: namespace(d.r.cstring("namespace")),
			Name:      string(d.r.cstring("name")),
		}
	case KindTruncate:
		d.truncate()
	case KindMessage:
		m := &d.Message
		m.Transactional = d.r.byte("flags")&1 != 0
		m.LSN = d.r.lsn("LSN")
		m.Prefix = again(m.Prefix, d.r.cstring("prefix"))
		m.Content = d.r.bytes("content")
	}
}

// relationColumnMin is the size of a column without a name.
const relationColumnMin = 1 + 1 + 4 + 4

func (d *Decoder) relation() {
	r := &Relation{
		ID:              d.r.uint32("relation id"),
		Namespace:       namespace(d.r.cstring("namespace")),
		Name:            string(d.r.cstring("name")),
		ReplicaIdentity: d.r.byte("replica identity"),
	}
	n := d.r.count16(relationColumnMin)
	r.Columns = make([]RelationColumn, n)
	for i := range r.Columns {
		r.Columns[i] = RelationColumn{
			Key:          d.r.byte("column flags")&1 != 0,
			Name:         string(d.r.cstring("column name")),
			TypeOID:      d.r.uint32("column type"),
			TypeModifier: int32(d.r.uint32("column type modifier")),
		}
	}
	d.Relation = r
}

// namespace undoes the one abbreviation of the protocol.
func namespace(b []byte) string {
	if len(b) == 0 {
		return "pg_catalog"
	}
	return string(b)
}

func (d *Decoder) truncate() {
	t := &d.Truncate
	n := d.r.count32(4)
	options := d.r.byte("options")
	t.Cascade, t.RestartIdentity = options&1 != 0, options&2 != 0
	t.RelationIDs = t.RelationIDs[:0]
	for range n {
		t.RelationIDs = append(t.RelationIDs, d.r.uint32("relation id"))
	}
}

// transaction decodes what delimits transactions and reports whether kind does.
func (d *Decoder) transaction(kind Kind) bool {
	switch kind {
	case KindBegin:
		d.Begin = Begin{FinalLSN: d.r.lsn("final LSN"), Time: d.r.time("commit time"), XID: d.r.uint32("transaction id")}
	case KindCommit:
		d.commit(0)
	case KindStreamCommit:
		d.commit(d.r.uint32("transaction id"))
	case KindOrigin:
		d.Origin.CommitLSN = d.r.lsn("commit LSN")
		d.Origin.Name = again(d.Origin.Name, d.r.cstring("name"))
	case KindStreamStart:
		d.StreamStart = StreamStart{XID: d.r.uint32("transaction id"), First: d.r.byte("first segment flag") == 1}
	case KindStreamStop:
	case KindStreamAbort:
		d.streamAbort()
	default:
		return false
	}
	return true
}

func (d *Decoder) commit(xid uint32) {
	d.r.byte("flags")
	d.Commit = Commit{
		CommitLSN: d.r.lsn("commit LSN"),
		EndLSN:    d.r.lsn("end LSN"),
		Time:      d.r.time("commit time"),
		XID:       xid,
	}
}

// streamAbort tells the versions apart by the length: the server sends LSN and time
// only if streaming is parallel, which the decoder is not told.
func (d *Decoder) streamAbort() {
	a := &d.StreamAbort
	*a = StreamAbort{XID: d.r.uint32("transaction id"), SubXID: d.r.uint32("subtransaction id")}
	if d.r.remaining() == 0 {
		return
	}
	a.Detailed = true
	a.LSN = d.r.lsn("abort LSN")
	a.Time = d.r.time("abort time")
}

// twoPhase decodes the messages of two-phase commit and reports whether kind is one.
func (d *Decoder) twoPhase(kind Kind) bool {
	switch kind {
	case KindBeginPrepare:
		d.prepare()
	case KindPrepare, KindStreamPrepare:
		d.r.byte("flags")
		d.prepare()
	case KindCommitPrepared:
		d.r.byte("flags")
		d.CommitPrepared = CommitPrepared{
			CommitLSN: d.r.lsn("commit LSN"),
			EndLSN:    d.r.lsn("end LSN"),
			Time:      d.r.time("commit time"),
			XID:       d.r.uint32("transaction id"),
			GID:       string(d.r.cstring("gid")),
		}
	case KindRollbackPrepared:
		d.r.byte("flags")
		d.RollbackPrepared = RollbackPrepared{
			PrepareEndLSN: d.r.lsn("prepare end LSN"),
			EndLSN:        d.r.lsn("rollback end LSN"),
			PrepareTime:   d.r.time("prepare time"),
			Time:          d.r.time("rollback time"),
			XID:           d.r.uint32("transaction id"),
			GID:           string(d.r.cstring("gid")),
		}
	default:
		return false
	}
	return true
}

func (d *Decoder) prepare() {
	d.Prepare = Prepare{
		PrepareLSN: d.r.lsn("prepare LSN"),
		EndLSN:     d.r.lsn("end LSN"),
		Time:       d.r.time("prepare time"),
		XID:        d.r.uint32("transaction id"),
		GID:        again(d.Prepare.GID, d.r.cstring("gid")),
	}
}

// again returns b as a string, which is last if that is the same: names repeat from
// message to message.
func again(last string, b []byte) string {
	if last == string(b) {
		return last
	}
	return string(b)
}
