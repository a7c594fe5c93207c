// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// canonical is equal for source partitions that mean the same: members in any
// order, integers of any width, whole floats as integers.
func canonical(v connect.Value) string {
	entries := slices.Clone(members(v))
	slices.SortFunc(entries, func(a, b connect.MapEntry) int { return strings.Compare(a.Key.Str(), b.Key.Str()) })
	var b []byte
	for _, e := range entries {
		b = strconv.AppendQuote(b, e.Key.Str())
		b = append(b, ':')
		b = appendMeaning(b, e.Value)
		b = append(b, ',')
	}
	return string(b)
}

func members(v connect.Value) []connect.MapEntry {
	if st := v.Struct(); st != nil {
		out := make([]connect.MapEntry, len(st.Values))
		for i, f := range st.Schema.Fields() {
			out[i] = connect.MapEntry{Key: connect.String(f.Name), Value: st.Values[i]}
		}
		return out
	}
	return v.Map()
}

func appendMeaning(b []byte, v connect.Value) []byte {
	switch k := v.Kind(); {
	case k == connect.KindFloat32 || k == connect.KindFloat64:
		if f := v.Float(); f == float64(int64(f)) {
			return strconv.AppendInt(b, int64(f), 10)
		}
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case v.IsInt():
		return strconv.AppendInt(b, v.Int(), 10)
	default:
		return convert.AppendJSON(b, v)
	}
}

// offsets are the committed positions of a connector as a source task sees them:
// those found at its start, and what it has committed itself since.
type offsets struct {
	mu    sync.Mutex
	order []string
	by    map[string]connect.Position
	asked map[string]connect.Value // partitions that the task has asked for
}

func newOffsets(loaded []connect.Position) *offsets {
	o := &offsets{by: make(map[string]connect.Position, len(loaded)), asked: map[string]connect.Value{}}
	o.set(loaded)
	return o
}

// set takes in committed positions; they are cloned.
func (o *offsets) set(ps []connect.Position) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range ps {
		key := canonical(p.Partition)
		if _, known := o.by[key]; !known {
			o.order = append(o.order, key)
			p.Partition = connect.Clone(p.Partition)
		} else {
			p.Partition = o.by[key].Partition
		}
		p.Offset = connect.Clone(p.Offset)
		o.by[key] = p
	}
}

// get implements SourceTaskContext.Offsets.
func (o *offsets) get(_ context.Context, partitions []connect.Value) ([]connect.Value, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]connect.Value, len(partitions))
	for i, p := range partitions {
		key := canonical(p)
		if _, known := o.asked[key]; !known {
			o.asked[key] = connect.Clone(p)
		}
		out[i] = o.by[key].Offset
	}
	return out, nil
}

// askedFor returns the source partitions whose offsets the task has asked for.
func (o *offsets) askedFor() []connect.Value {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]connect.Value, 0, len(o.asked))
	for _, key := range slices.Sorted(maps.Keys(o.asked)) {
		out = append(out, o.asked[key])
	}
	return out
}

// all implements SourceTaskContext.AllOffsets.
func (o *offsets) all(context.Context) ([]connect.Position, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]connect.Position, 0, len(o.order))
	for _, key := range o.order {
		if p := o.by[key]; !p.Offset.IsNull() {
			out = append(out, p)
		}
	}
	return out, nil
}

// hasState reports whether something is committed that belongs to a state partition:
// a source partition with a number named partition belongs to that one, and any
// other to state partition 0.
func (o *offsets) hasState(partition int32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.by {
		if p.Offset.IsNull() {
			continue
		}
		n := int64(0)
		if v, ok := p.Partition.Get("partition"); ok && v.IsInt() {
			n = v.Int()
		}
		if n == int64(partition) {
			return true
		}
	}
	return false
}
