// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestRecordsAndOffsetsAreCommitted(t *testing.T) {
	w := newWorld(t, nil)
	out := w.topic("out")
	w.source.add(texts(out, 0, 10)...)
	r := w.run()
	w.await(out, 10)
	w.source.add(texts(out, 10, 12)...)
	got := values(w.await(out, 12))
	for i, v := range got {
		if v != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, v)
		}
	}
	r.stop()
	if at := w.offset(); at != 12 {
		t.Errorf("the offset is %d, want 12", at)
	}
	if c := w.source.committed(); len(c) == 0 || c[len(c)-1] != 12 || !slices.IsSorted(c) {
		t.Errorf("the connector was told %v", c)
	}
	w.source.add(texts(out, 12, 13)...)
	w.run()
	if got := values(w.await(out, 13)); got[12] != "12" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestBadRecordUnderToleranceNone(t *testing.T) {
	w := newWorld(t, map[string]string{"transforms": "x", "transforms.x.type": "Refuse", "errors.deadletterqueue.topic.name": "{}errors"})
	bad := true
	w.transforms = map[string]func() connect.Transform{"Refuse": func() connect.Transform {
		return function(func(_ *connect.Context, r *connect.Record, emit connect.Emit) error {
			emit(r)
			if bad && r.Value.Str() == "3" {
				return connect.DataErrorf("three is refused")
			}
			return nil
		})
	}}
	out := w.topic("out")
	w.source.add(texts(out, 0, 6)...)
	re := w.run().recordError()
	if re.Stage != connect.StageTransformation || re.Text != `"3"` || re.Position != `{"filename":"memory"} {"position":4}` {
		t.Errorf("the error is %+v", re)
	}
	if got := values(w.read(out)); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("before the record: %q", got)
	}
	if w.offset() != 3 {
		t.Errorf("the offset is %d, want 3", w.offset())
	}
	errs := w.await(w.topic("errors"), 1)
	for name, want := range map[string]string{
		"__connect.errors.topic": out, "__connect.errors.connector.name": w.name, "__connect.errors.task.id": "0",
		"__connect.errors.stage": "TRANSFORMATION", "__connect.errors.class.name": "Refuse",
		"__connect.errors.exception.class.name": "org.apache.kafka.connect.errors.DataException",
		"__connect.errors.exception.message":    "three is refused",
		"__connect.errors.exception.stacktrace": "org.apache.kafka.connect.errors.DataException: three is refused",
		"__connectd.source.partition":           `{"filename":"memory"}`, "__connectd.source.offset": `{"position":4}`,
	} {
		if got := header(errs[0], name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if string(errs[0].Value) != "3" {
		t.Errorf("the error record's value is %q", errs[0].Value)
	}
	bad = false
	w.run()
	if got := values(w.await(out, 6)); got[3] != "3" || got[5] != "5" {
		t.Errorf("after the repair: %q", got)
	}
}
