// SPDX-License-Identifier: Apache-2.0

package window

// span is one window in milliseconds: start is in it, end is not.
type span struct{ start, end int64 }

// assigner is a kind of window.
type assigner interface {
	// assign appends the windows that a record at this time belongs to, by start.
	assign(dst []span, ts int64) []span
	// closes returns the stream time at which a window takes no more records.
	closes(w span) int64
	// version names everything that the stored windows depend on.
	version() string
}

// tumbling windows have one size and follow one another without a gap. They begin at
// multiples of size from offset, before 1970 as well.
type tumbling struct{ size, offset, grace int64 }

func (t tumbling) assign(dst []span, ts int64) []span {
	start := ts - floorMod(ts-t.offset, t.size)
	return append(dst, span{start, start + t.size})
}

func (t tumbling) closes(w span) int64 { return w.end + t.grace }

func (t tumbling) version() string {
	return "tumbling size=" + itoa(t.size) + " offset=" + itoa(t.offset) + " grace=" + itoa(t.grace)
}

// floorMod is the remainder that is never negative.
func floorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}
