// SPDX-License-Identifier: Apache-2.0

package window

import (
	"strings"

	"github.com/connectd/connectd/connect"
)

// rows makes the output. Rows have no schema: keys and values are maps.
type rows struct {
	key, start, end, final connect.Value // names of fields
	flag, global           bool
	names                  []connect.Value // of the aggregates
}

func newRows(c connect.Config) rows {
	return rows{
		key: connect.String(c.String("key.field")), start: connect.String(c.String("start.field")),
		end: connect.String(c.String("end.field")), final: connect.String(c.String("final.field")),
		flag: strings.EqualFold(c.String("emit"), emitBoth), global: strings.EqualFold(c.String("by"), byGlobal),
	}
}

// fill makes r the row of a window.
func (o *rows) fill(a *connect.Arena, r *connect.Record, key connect.Value, s span, e *entry, aggregates []aggregate, final bool) {
	r.Partition = connect.NoPartition // the key is another
	r.KeySchema, r.ValueSchema = nil, nil
	r.Key = o.keyOf(a, key, s.start)
	r.Timestamp = e.latest
	n := 2 + len(aggregates)
	if o.flag {
		n++
	}
	out := a.Entries(n)
	out[0] = connect.MapEntry{Key: o.start, Value: connect.Int64(s.start)}
	out[1] = connect.MapEntry{Key: o.end, Value: connect.Int64(s.end)}
	for i := range aggregates {
		out[2+i] = connect.MapEntry{Key: o.names[i], Value: aggregates[i].result(&e.accs[i])}
	}
	if o.flag {
		out[n-1] = connect.MapEntry{Key: o.final, Value: connect.Bool(final)}
	}
	r.Value = connect.Map(out)
}

// keyOf makes the key of a row: the start of the window alone, or beside the record's
// key; of a key that is a map, beside its fields.
func (o *rows) keyOf(a *connect.Arena, key connect.Value, start int64) connect.Value {
	if o.global {
		return connect.Int64(start)
	}
	at := connect.MapEntry{Key: o.start, Value: connect.Int64(start)}
	if in := key.Map(); key.Kind() == connect.KindMap {
		out := a.Entries(len(in) + 1)
		copy(out, in)
		out[len(in)] = at
		return connect.Map(out)
	}
	out := a.Entries(2)
	out[0], out[1] = connect.MapEntry{Key: o.key, Value: key}, at
	return connect.Map(out)
}
