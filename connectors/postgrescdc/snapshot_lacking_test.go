// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"testing"
	"time"
)

// TestAChunkBesideAnUpdateWithoutLargeValues: the stream tells of a row, while its chunk is
// read, without the value that the update did not touch. Some record has that value.
func TestAChunkBesideAnUpdateWithoutLargeValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, signalDDL+`; CREATE TABLE a (id int PRIMARY KEY, v text); ALTER TABLE a ALTER v SET STORAGE EXTERNAL;
		INSERT INTO a SELECT i, repeat('large ' || i, 1000) FROM generate_series(1, 9) i`,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"})
	r := w.start()
	defer r.stop()
	e := r.task.emitter
	ask := func() {
		r.task.chunkPause = time.Time{}
		r.task.openWindow()
		r.task.chunkPause = time.Now().Add(time.Hour)
	}
	until := func(what string, done func() bool) {
		t.Helper()
		w.eventually(what, func() bool {
			b := r.poll(50*time.Millisecond, 1000)
			r.commit(b, len(b.Records))
			return done()
		})
	}
	r.task.chunkPause = time.Now().Add(time.Hour)
	w.signal("1", signalExecute, `{"data-collections": ["public.a"]}`)
	until("the signal has come", func() bool { return e.place.incremental.active() })
	ask()
	until("it is known which table it means", func() bool { return e.window == nil && e.place.incremental.unresolved() < 0 })
	w.exec("UPDATE a SET id = id WHERE id = 5")
	ask() // the rows that are read have the update, and the stream has not told of it
	r.task.chunkPause = time.Time{}
	r.incrementalDone(w.position())
	w.checkState("a")
}
