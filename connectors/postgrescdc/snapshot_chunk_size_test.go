// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"testing"
	"time"
)

func TestChunksOfBegunTablesAreLarger(t *testing.T) {
	begun := &incremental{Tables: []incrementalTable{{Name: "public.b", Begun: true}}}
	asked := &incremental{Tables: []incrementalTable{{Name: "public.b"}, {Name: "public.c", Begun: true}}}
	for _, c := range []struct {
		name  string
		set   bool
		left  *incremental
		width chunkWidth
		want  int
	}{
		{"the first chunk", false, begun, chunkWidth{}, 1024},
		{"the first chunk of another table", false, begun, chunkWidth{"public.a", 1024, 1024}, 1024},
		{"narrow rows", false, begun, chunkWidth{"public.b", 1024, 100 << 10}, 8192},
		{"rows of 1 KiB", false, begun, chunkWidth{"public.b", 1024, 1 << 20}, 4096},
		{"wide rows", false, begun, chunkWidth{"public.b", 1024, 100 << 20}, 1024},
		{"no rows", false, begun, chunkWidth{table: "public.b"}, 1024},
		{"a size that was set", true, begun, chunkWidth{"public.b", 1024, 100 << 10}, 1024},
		{"a table of a signal", false, asked, chunkWidth{"public.b", 1024, 100 << 10}, 1024},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.width.next(snapshotSettings{ChunkSize: 1024, ChunkSizeSet: c.set}, c.left); got != c.want {
				t.Errorf("%d rows, want %d", got, c.want)
			}
		})
	}
}

// TestABegunTableIsReadInLargerChunks counts the chunks by how far the place is.
func TestABegunTableIsReadInLargerChunks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b SELECT i, 'b' FROM generate_series(1, 20000) i", nil)
	w.readSome(310)
	before := len(w.written)
	r := w.start()
	defer r.stop()
	var steps []int64
	w.eventually("the table is read", func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		n := r.task.emitter.place.incremental
		if n != nil && n.Rows > 0 && !slices.Contains(steps, n.Rows) {
			steps = append(steps, n.Rows)
		}
		return n == nil
	})
	if got := snapshotRowsOf(w.written[before:], "srv.public.b")["incremental"]; got < 19_000 || got > 20_000 {
		t.Errorf("%d rows were read", got)
	}
	if want := []int64{1024, 1024 + 8192, 1024 + 2*8192}; !slices.Equal(steps, want) {
		t.Errorf("chunks end at %v, want %v", steps, want)
	}
	w.checkState("b")
}
