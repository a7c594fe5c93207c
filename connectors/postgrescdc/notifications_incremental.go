// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// own reports whether there is something left that is not of the initial snapshot.
func (n *incremental) own() bool {
	return n != nil && slices.ContainsFunc(n.Tables, func(t incrementalTable) bool { return !t.Begun })
}

// unresolved is the place of the first pattern of which it is not known which tables it
// means, -1 if there is none.
func (n *incremental) unresolved() int {
	if n == nil {
		return -1
	}
	return slices.IndexFunc(n.Tables, func(t incrementalTable) bool { return t.Pattern })
}

// names joins the names of the tables that are left and are not of the initial snapshot.
func (n *incremental) names() string { return n.namesWhere(false) }

func (n *incremental) namesWhere(begun bool) string {
	var names []string
	for _, t := range n.Tables {
		if t.Begun == begun {
			names = append(names, t.Name)
		}
	}
	return strings.Join(names, ",")
}

// about is a notification about what is left.
func (n *incremental) about(kind string, data ...[2]string) notice {
	return notice{Aggregate: aggregateIncremental, Type: kind, ID: n.ID, Data: data}
}

func (n *incremental) collections() [2]string { return [2]string{dataCollections, n.names()} }

// followsTables reports whether a notification names the tables that were known when it is
// sent.
func (n *notice) followsTables() bool {
	return n.Type == noticeStarted || n.Type == noticeResolved || n.Type == noticePaused || n.Type == noticeResumed
}

// obeyed owes what is to be sent of a signal; was is what was left before it.
func (e *emitter) obeyed(s connect.Signal, was *incremental) {
	is := e.place.incremental
	switch {
	case s.Type == signalExecute:
		e.started(was)
	case !was.own():
	case s.Type == signalPause && !was.Paused:
		e.owe(&e.place, is.about(noticePaused, is.collections()))
	case s.Type == signalResume && was.Paused:
		e.owe(&e.place, is.about(noticeResumed, is.collections()))
	case s.Type == signalStop:
		e.stopped(was)
	}
}

// started owes the beginning of an incremental snapshot, unless one was under way.
func (e *emitter) started(was *incremental) {
	if is := e.place.incremental; is.own() && !was.own() {
		e.owe(&e.place, is.about(noticeStarted, is.collections()), is.about(noticeResolved, is.collections()))
	}
}

// stopped owes that tables are not read any more, if there are such.
func (e *emitter) stopped(was *incremental) {
	is := e.place.incremental
	var gone []string
	for _, t := range was.Tables {
		stays := is != nil && slices.ContainsFunc(is.Tables, func(o incrementalTable) bool { return o.Name == t.Name && o.Begun == t.Begun })
		if !stays {
			gone = append(gone, t.Name)
		}
	}
	if len(gone) > 0 {
		e.owe(&e.place, was.about(noticeAborted, [2]string{dataCollections, strings.Join(gone, ",")}))
	}
}

// pass makes the place one behind the chunk of a window, once, and owes what is to be sent
// of that.
func (e *emitter) pass(w *chunkWindow) {
	if w.finished {
		return
	}
	before, c := e.place.snapshot, w.got
	w.finish(&e.place)
	if !e.s.Notices.on() {
		return
	}
	if !c.end {
		e.place.incremental.Maximum = c.maximum // it was made just now
	}
	if w.left.Tables[0].Begun {
		e.passBegun(w, before)
		return
	}
	if len(c.keys) > 0 {
		e.owe(&e.place, w.left.about(noticeInProgress, w.left.collections(), [2]string{dataCurrent, w.left.Tables[0].Name},
			[2]string{dataMaximum, strings.Join(c.maximum, ",")}, [2]string{dataLast, strings.Join(c.told(c.last), ",")}))
	}
	if !c.end {
		return
	}
	rows, status := w.left.Rows+int64(len(c.keys)), statusSucceeded
	switch {
	case c.plan == nil:
		status = statusUnknown
	case rows == 0:
		status = statusEmpty
	}
	e.scanned(w.left, w.left.Tables[0].Name, rows, status)
}

// passBegun owes what is to be sent of a chunk of the initial snapshot.
func (e *emitter) passBegun(w *chunkWindow, before *snapshotProgress) {
	name, tables := w.left.Tables[0].Name, [2]string{dataCollections, w.left.namesWhere(true)}
	if w.left.After == nil {
		e.owe(&e.place, initial(noticeInProgress, [2]string{dataCurrent, name}, tables))
	}
	if w.got.end {
		rows := strconv.FormatInt(w.left.Rows+int64(len(w.got.keys)), 10)
		e.owe(&e.place, initial(noticeTableCompleted, [2]string{dataScanned, name}, tables, [2]string{dataRows, rows}, [2]string{dataStatus, statusSucceeded}))
	}
	e.completed(&e.place, before)
}

// scanned owes the end of a table, and of the whole if nothing is left; left is what was
// left with it.
func (e *emitter) scanned(left *incremental, table string, rows int64, status string) {
	e.owe(&e.place, left.about(noticeTableCompleted, left.collections(), [2]string{dataScanned, table},
		[2]string{dataRows, strconv.FormatInt(rows, 10)}, [2]string{dataStatus, status}))
	if !e.place.incremental.own() {
		e.owe(&e.place, left.about(noticeCompleted))
	}
}

// leftOut owes that a table could not be read.
func (e *emitter) leftOut(left *incremental, at int, err error) {
	status := statusSQL
	if errors.Is(err, errNoKey) {
		status = statusNoKey
	}
	rows := int64(0)
	if at == 0 {
		rows = left.Rows
	}
	e.scanned(left, left.Tables[at].Name, rows, status)
}

// found owes, if a pattern means no table, that there is none.
func (e *emitter) found(left *incremental, tables []incrementalTable) {
	if len(tables) == 0 {
		e.scanned(left, left.Tables[left.unresolved()].Name, 0, statusUnknown)
	}
}

// hiddenKey stands for the value of a key column that is masked or left out of values.
const hiddenKey = "<hidden>"

// told is a key as notifications show it.
func (c *chunkRows) told(key []string) []string {
	out := slices.Clone(key)
	for i := range out {
		if c.hidden[i] {
			out[i] = hiddenKey
		}
	}
	return out
}

// findMaximum looks up the largest key of a table, at its first chunk.
func (r *chunkReader) findMaximum(ctx context.Context, c *chunkRows, t capturedTable, n *incremental) error {
	if !r.s.Notices.on() {
		return nil
	}
	keys := make([]string, len(c.plan.chunkKey))
	c.hidden = make([]bool, len(keys))
	for i, k := range c.plan.chunkKey {
		col := &c.plan.columns[k]
		keys[i], c.hidden[i] = quoteIdent(c.plan.described[k].Name), col.mask != nil || col.field < 0 && col.key < 0
	}
	if c.maximum = n.Maximum; c.maximum != nil {
		return nil
	}
	conditions := c.published.conditions()
	if f := n.Tables[0].Filter; f != "" {
		conditions = append(conditions, "("+f+")")
	}
	sql := "SELECT " + strings.Join(keys, ", ") + " FROM " + t.source()
	if len(conditions) > 0 {
		sql += " WHERE " + strings.Join(conditions, " AND ")
	}
	rows, err := rowsOf(ctx, r.conn.PgConn(), sql+" ORDER BY "+strings.Join(keys, " DESC, ")+" DESC LIMIT 1")
	if err != nil || len(rows) == 0 {
		return wrap("look up the largest key of "+t.name.String(), err)
	}
	largest := make([]string, len(keys))
	for i := range keys {
		largest[i] = rows[0].text(i)
	}
	c.maximum = c.told(largest)
	return nil
}
