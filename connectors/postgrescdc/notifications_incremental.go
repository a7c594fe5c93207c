// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
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

// stopped owes that tables are not read any more; as in Debezium also if there are none.
func (e *emitter) stopped(was *incremental) {
	is := e.place.incremental
	var gone []string
	for _, t := range was.Tables {
		stays := is != nil && slices.ContainsFunc(is.Tables, func(o incrementalTable) bool { return o.Name == t.Name && o.Begun == t.Begun })
		if !stays {
			gone = append(gone, t.Name)
		}
	}
	e.owe(&e.place, was.about(noticeAborted, [2]string{dataCollections, strings.Join(gone, ",")}))
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
		e.place.incremental.Maximum, e.place.incremental.Total = c.maximum, c.total // it was made just now
	}
	if w.left.Tables[0].Begun {
		e.passBegun(w, before)
		return
	}
	if len(c.keys) > 0 {
		e.owe(&e.place, w.left.about(noticeInProgress, w.progress(e.s.Snapshot.ChunkSize)...))
	}
	if !c.end {
		return
	}
	rows, status := w.rows(), statusSucceeded
	switch {
	case c.plan == nil:
		status = statusUnknown
	case rows == 0:
		status = statusEmpty
	}
	e.scanned(w.left, w.left.Tables[0].Name, rows, status, c.totals(status)...)
}

// passBegun owes what is to be sent of a chunk of the initial snapshot.
func (e *emitter) passBegun(w *chunkWindow, before *snapshotProgress) {
	name, tables := w.left.Tables[0].Name, [2]string{dataCollections, w.left.namesWhere(true)}
	if w.left.After == nil {
		e.owe(&e.place, initial(noticeInProgress, [2]string{dataCurrent, name}, tables))
	}
	if w.got.end {
		rows := strconv.FormatInt(w.rows(), 10)
		e.owe(&e.place, initial(noticeTableCompleted, [2]string{dataScanned, name}, tables, [2]string{dataRows, rows}, [2]string{dataStatus, statusSucceeded}))
	}
	e.completed(&e.place, before)
}

// scanned owes the end of a table, and of the whole if nothing is left; left is what was
// left with it. more goes before the other data.
func (e *emitter) scanned(left *incremental, table string, rows int64, status string, more ...[2]string) {
	e.owe(&e.place, left.about(noticeTableCompleted, append(more, left.collections(), [2]string{dataScanned, table},
		[2]string{dataRows, strconv.FormatInt(rows, 10)}, [2]string{dataStatus, status})...))
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
