// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pglogrepl"

	"github.com/connectd/connectd/connect"
)

// Members of the source partition and of the offset. Those without our prefix have the
// names and the meaning that Debezium 3.7 gives them, so that either can take over
// from the other.
const (
	memberServer      = "server"
	memberLSN         = "lsn"
	memberLSNProc     = "lsn_proc"
	memberLSNCommit   = "lsn_commit"
	memberLSNEvents   = "lsn_events_processed"
	memberTxID        = "txId"
	memberMicros      = "ts_usec"
	memberMessageType = "messageType"
	memberSnapshot    = "snapshot"
	memberLastRecord  = "last_snapshot_record"
	memberCompleted   = "snapshot_completed"

	memberEnd     = "connectd_end"
	memberCommit  = "connectd_commit"
	memberOrdinal = "connectd_ordinal"
	memberPart    = "connectd_part"
	memberMessage = "connectd_message"
	// memberLastCommit is there if lsn_commit says something else.
	memberLastCommit = "connectd_last_commit"
	memberSystem     = "connectd_system"
	memberTimeline   = "connectd_timeline"
	memberTables     = "connectd_snapshot_tables"
	memberChunks     = "connectd_incremental"
	memberForms      = "connectd_table_forms"
	memberBlocking   = "connectd_blocking"
	memberChannels   = "connectd_signals"
	memberNotices    = "connectd_notifications"
)

// lsn is a place in the log of the server.
type lsn = pglogrepl.LSN

// change says which message of the stream a record was made of, as Debezium's
// messageType does.
type change uint8

const (
	changeNone change = iota
	changeInsert
	changeUpdate
	changeDelete
	changeTruncate
	changeMessage
	changeBegin
	changeCommit
)

var changeNames = [...]string{"", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "MESSAGE", "BEGIN", "COMMIT"}

// place is how far the source has been read. What it names is done, and a task that
// starts at it goes on behind it.
type place struct {
	// end is the end of the newest transaction of which everything is done; the stream
	// is asked to start there, and it is what the slot may be moved to.
	end lsn
	// commit is the commit LSN of the transaction that is done in part, zero for none.
	// Of that, ordinal changes are done, and part records of the next one. Changes
	// are counted from 1 as the server sends them, before any filter of the
	// connector, so that a changed filter does not shift them.
	commit  lsn
	ordinal int64
	part    int64
	// message is the LSN of the newest message outside of transactions that is done.
	message lsn

	// What follows is for Debezium and for eyes.
	lsn        lsn
	lastCommit lsn
	events     int64
	txID       int64
	micros     int64
	change     change

	// snapshot is not nil while tables are being read or still have a frontier of
	// their own.
	snapshot *snapshotProgress
	// orders are what signals have asked for and is not done.
	orders
	// channels is how far signals are worked off that do not come through the stream; nil if
	// there has been none.
	channels *channelPlaces
	// forms are those that the topic of schema changes has been told; nil without one.
	forms *tableForms
	// foreign is set if the offset was written by Debezium: the transaction txID is
	// done up to the change at lsn, counted events times.
	foreign bool
	// alone says that no further change has this lsn. It is not stored.
	alone bool
	// system and timeline name the server; "" and 0 if they are not known.
	system   string
	timeline int64
}

// snapshotProgress is which tables have been read, and at which point of the stream.
// It is not changed after it was made.
type snapshotProgress struct {
	completed bool
	// foreign says that Debezium has begun it at the point where the stream begins, and
	// that it is not known which tables it has read.
	foreign bool
	tables  map[string]tableMark
}

// tableMark is how far one table is. at is the consistent point at which it was first
// read: changes that were committed before are part of what was read. If it had to be
// read once more, at a later point, the first one stays: rows may have gone out that
// were deleted in between, and the stream tells of that.
type tableMark struct {
	at   lsn
	done bool
}

// with returns the progress with the mark of one table.
func (p *snapshotProgress) with(table string, at lsn, done bool) *snapshotProgress {
	next := &snapshotProgress{tables: map[string]tableMark{}}
	if p != nil {
		maps.Copy(next.tables, p.tables)
	}
	if old, ok := next.tables[table]; ok {
		at = old.at
	}
	next.tables[table] = tableMark{at, done}
	return next
}

// finished reports whether a table has been read to its end.
func (p *snapshotProgress) finished(table string) bool { return p != nil && p.tables[table].done }

// horizon is the newest of the consistent points: from there on no table needs its own.
func (p *snapshotProgress) horizon() lsn {
	var h lsn
	if p == nil {
		return h
	}
	for _, m := range p.tables {
		h = max(h, m.at)
	}
	return h
}

// finished returns the place behind a whole transaction that ends at end.
func (p place) finished(end lsn) place {
	p.end, p.commit, p.ordinal, p.part, p.events = end, 0, 0, 0, 0
	p.lsn, p.lastCommit, p.change, p.foreign, p.alone = end, end, changeCommit, false, false
	if p.snapshot != nil && p.snapshot.completed && end >= p.snapshot.horizon() {
		p.snapshot = nil
	}
	return p
}

// sourcePartition is the map under which the offsets of one server are stored.
func sourcePartition(prefix string) connect.Value {
	return connect.Map([]connect.MapEntry{{Key: connect.String(memberServer), Value: connect.String(prefix)}})
}

// offset writes a place as the map that is stored.
func (p place) offset() connect.Value {
	lastCommit := p.lastCommit
	p = p.handBack()
	m := make([]connect.MapEntry, 0, 20)
	number := func(name string, n int64) {
		m = append(m, connect.MapEntry{Key: connect.String(name), Value: connect.Int64(n)})
	}
	text := func(name, s string) {
		m = append(m, connect.MapEntry{Key: connect.String(name), Value: connect.String(s)})
	}
	if p.snapshot != nil {
		text(memberSnapshot, "INITIAL")
		m = append(m, connect.MapEntry{Key: connect.String(memberCompleted), Value: connect.Bool(p.snapshot.completed)})
	}
	if p.lsn != 0 {
		number(memberLSNProc, int64(p.lsn))
	}
	if p.change != changeNone {
		text(memberMessageType, changeNames[p.change])
	}
	if p.lastCommit != 0 {
		number(memberLSNCommit, int64(p.lastCommit))
	}
	if p.events != 0 {
		number(memberLSNEvents, p.events)
	}
	number(memberLSN, int64(p.lsn))
	if p.txID != 0 {
		number(memberTxID, p.txID)
	}
	if p.micros != 0 {
		number(memberMicros, p.micros)
	}
	number(memberEnd, int64(p.end))
	if p.commit != 0 {
		number(memberCommit, int64(p.commit))
		number(memberOrdinal, p.ordinal)
		number(memberPart, p.part)
	}
	if p.message != 0 {
		number(memberMessage, int64(p.message))
	}
	if lastCommit != p.lastCommit {
		number(memberLastCommit, int64(lastCommit))
	}
	text(memberSystem, p.system)
	number(memberTimeline, p.timeline)
	if p.snapshot != nil && len(p.snapshot.tables) > 0 {
		text(memberTables, p.snapshot.text())
	}
	if p.forms != nil {
		text(memberForms, p.forms.text())
	}
	p.writeSignals(text)
	return connect.Map(m)
}

// writeSignals writes what signals have asked for, and how far they are worked off.
func (p *place) writeSignals(text func(name, s string)) {
	if p.incremental != nil {
		text(memberChunks, p.incremental.text())
	}
	if p.blocking != nil {
		text(memberBlocking, p.blocking.text())
	}
	if p.owed != nil {
		text(memberNotices, p.owed.text())
	}
	if p.channels != nil {
		text(memberChannels, p.channels.text())
	}
}

// text writes the tables as one JSON object, since members of offsets are plain. The
// number of a table that is not done is negative.
func (p *snapshotProgress) text() string {
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(p.tables)) {
		if i > 0 {
			b = append(b, ',')
		}
		quoted, _ := json.Marshal(name) // a string always has a JSON form
		b = append(b, quoted...)
		m := p.tables[name]
		if b = append(b, ':'); !m.done {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(m.at), 10)
	}
	return string(append(b, '}'))
}

// offsetMembers reads the members of a stored offset and remembers the first that is
// not what it must be.
type offsetMembers struct {
	v   connect.Value
	err error
}

func (o *offsetMembers) number(name string) (int64, bool) {
	v, ok := o.v.Get(name)
	if !ok || v.IsNull() {
		return 0, false
	}
	if !v.IsInt() {
		o.fail(name, "a whole number", v)
		return 0, false
	}
	return v.Int(), true
}

func (o *offsetMembers) place(name string) lsn {
	n, _ := o.number(name)
	return lsn(n)
}

func (o *offsetMembers) text(name string) string {
	v, ok := o.v.Get(name)
	if !ok || v.IsNull() {
		return ""
	}
	if v.Kind() != connect.KindString {
		o.fail(name, "a text", v)
	}
	return v.Str()
}

// flag reads a boolean, which Debezium also writes as text.
func (o *offsetMembers) flag(name string) (value, set bool) {
	v, ok := o.v.Get(name)
	if !ok || v.IsNull() {
		return false, false
	}
	if v.Kind() == connect.KindString {
		return v.Str() == "true", true
	}
	if v.Kind() != connect.KindBool {
		o.fail(name, "a boolean", v)
	}
	return v.Bool(), true
}

func (o *offsetMembers) fail(name, want string, v connect.Value) {
	if o.err == nil {
		o.err = fmt.Errorf("read stored offset: member %q must be %s, but is %s", name, want, v.Kind())
	}
}

// parseOffset reads what offset wrote, or what Debezium wrote.
func parseOffset(v connect.Value) (place, error) {
	if v.Kind() != connect.KindMap {
		return place{}, fmt.Errorf("read stored offset: it must be a map, but is %s", v.Kind())
	}
	o := &offsetMembers{v: v}
	p := place{
		lsn: o.place(memberLSN), lastCommit: o.place(memberLSNCommit),
		commit: o.place(memberCommit), message: o.place(memberMessage),
		system: o.text(memberSystem),
	}
	if own, there := o.number(memberLastCommit); there {
		p.lastCommit = lsn(own)
	}
	p.ordinal, _ = o.number(memberOrdinal)
	p.part, _ = o.number(memberPart)
	p.events, _ = o.number(memberLSNEvents)
	p.txID, _ = o.number(memberTxID)
	p.micros, _ = o.number(memberMicros)
	p.timeline, _ = o.number(memberTimeline)
	p.change = changeOf(o.text(memberMessageType))
	p.readSnapshot(o)
	p.readOrders(o)
	end, own := o.number(memberEnd)
	if p.end = lsn(end); !own {
		p.takeOver()
	}
	if o.err == nil && p.lsn == 0 && p.end == 0 {
		o.err = fmt.Errorf("read stored offset: it has neither %q nor %q", memberEnd, memberLSN)
	}
	return p, o.err
}

func changeOf(name string) change {
	return change(max(0, slices.Index(changeNames[:], name)))
}

func (p *place) readSnapshot(o *offsetMembers) {
	mode, ok := o.v.Get(memberSnapshot)
	if !ok || mode.IsNull() || mode.Kind() == connect.KindBool && !mode.Bool() {
		return
	}
	done, set := o.flag(memberCompleted)
	if !set {
		done, _ = o.flag(memberLastRecord)
	}
	p.snapshot = &snapshotProgress{completed: done}
	text := o.text(memberTables)
	if text == "" {
		return
	}
	var tables map[string]int64
	if err := json.Unmarshal([]byte(text), &tables); err != nil && o.err == nil {
		o.err = fmt.Errorf("read stored offset: member %q must be a JSON object of tables: %w", memberTables, err)
	}
	p.snapshot.tables = make(map[string]tableMark, len(tables))
	for name, at := range tables {
		p.snapshot.tables[name] = tableMark{at: lsn(max(at, -at)), done: at > 0}
	}
}

func (p *place) readOrders(o *offsetMembers) {
	read := func(member string, parse func(text string) error) {
		text := o.text(member)
		if text == "" {
			return
		}
		if err := parse(text); err != nil && o.err == nil {
			o.err = fmt.Errorf("read stored offset: member %q must be a JSON object: %w", member, err)
		}
	}
	p.readForms(o)
	read(memberChunks, func(text string) (err error) {
		p.incremental, err = parseIncremental(text)
		return err
	})
	read(memberChannels, func(text string) error {
		p.channels = &channelPlaces{}
		return json.Unmarshal([]byte(text), p.channels)
	})
	read(memberNotices, func(text string) (err error) {
		p.owed, err = parseNotices(text)
		return err
	})
	read(memberBlocking, func(text string) (err error) {
		p.blocking, err = parseBlocking(text)
		return err
	})
}

// takeOver makes a place of what Debezium stores: it starts the stream at the newest
// commit, or else at the change, and is behind the change at lsn, which it finds by
// equality in the transaction txID.
func (p *place) takeOver() {
	p.end = p.lsn
	if p.snapshot != nil && !p.snapshot.completed {
		p.snapshot.foreign = true
	}
	if p.snapshot != nil || p.change == changeCommit || p.change == changeNone {
		return
	}
	if p.lastCommit != 0 {
		p.end = p.lastCommit
	}
	p.foreign = true
	p.events = max(p.events, 1)
}
