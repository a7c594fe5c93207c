// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"time"
)

// estimate is how many rows are left to be read by the server's statistics, without those
// that a pattern means which was not looked up.
func (n *incremental) estimate(tables []capturedTable) int64 {
	total := int64(0)
	for i, t := range n.Tables {
		at := slices.IndexFunc(tables, t.is)
		if at < 0 {
			continue
		}
		rows := max(tables[at].rows, 0)
		if i == 0 {
			rows = max(rows-n.Rows, 0)
		}
		total += rows
	}
	return total
}

// beginChunk notes that a chunk begins to be written, behind which and with which as many
// rows are left as the estimate says. The first one begins a snapshot, unless it goes on
// with one that is under way.
func (f *figures) beginChunk(left *incremental, estimate int64, now time.Time) {
	if f.began.Load() == 0 || f.done.Load() {
		f.beginSnapshot(nil, now)
		f.finished = 0
	}
	f.chunking = true
	f.estimated.Store(f.rows.Load() + estimate)
	f.tablesAhead.Store(int64(len(left.Tables)))
	f.tables.Store(f.finished + int64(len(left.Tables)))
}

// wroteChunk counts rows of a chunk; end says that they were the last of their table.
func (f *figures) wroteChunk(rows, bytes int, end bool) {
	f.rows.Add(int64(rows))
	f.bytes.Add(int64(bytes))
	if end {
		f.finished++
		f.tablesAhead.Add(-1)
	}
}

// endChunks notes that nothing is left to be read in chunks.
func (f *figures) endChunks() {
	if f.chunking {
		f.chunking = false
		f.tablesAhead.Store(0)
		f.done.Store(true)
	}
}

// copied notes that all tables of the exported snapshot are read. Those that are left are
// read in chunks.
func (f *figures) copied(left *incremental) {
	f.finished = f.tables.Load()
	f.tablesAhead.Store(0)
	if !left.begun() {
		f.done.Store(true)
		return
	}
	f.tablesAhead.Store(int64(len(left.Tables)))
	f.tables.Store(f.finished + int64(len(left.Tables)))
}
