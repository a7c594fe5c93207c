// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"

	"github.com/connectd/connectd/connect"
)

// changedFieldsPlugin introduces ExtractChangedRecordState.
func changedFieldsPlugin() connect.TransformPlugin {
	name := func(key, doc string) connect.ConfigKey {
		return connect.ConfigKey{Name: key, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceLow, Doc: doc}
	}
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "io.debezium.transforms.ExtractChangedRecordState",
			Doc:   "Adds headers with the names of the fields that an update has changed, and of those that it has not.",
			Config: connect.Define(
				name("header.changed.name", "The header for the names of changed fields. Not set, there is none."),
				name("header.unchanged.name", "The header for the names of the others. Not set, there is none."),
			),
		},
		New: func(t connect.TransformContext) (connect.Transform, error) {
			return &changedFields{
				changed: namesHeader(t.Config.String("header.changed.name")), same: namesHeader(t.Config.String("header.unchanged.name")),
			}, nil
		},
	}
}

// namesHeader is a header for a list of names, still without it.
func namesHeader(name string) connect.Header {
	if strings.TrimSpace(name) == "" {
		return connect.Header{}
	}
	return connect.Header{Key: name, Schema: connect.NewArray(connect.OptionalStringSchema).Optional().Name(name).MustBuild()}
}

// changedFields is ExtractChangedRecordState as of Debezium 3.7.
type changedFields struct{ changed, same connect.Header }

// Apply adds the headers to change events. Where there is no row before or none
// after, both lists are empty, and so they are on a tombstone of a source: there the
// original's tombstone has the very headers of the delete before it. One that was read
// from a topic has its own, and gets none.
func (f *changedFields) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	switch {
	case r.Value.IsNull() && r.Partition == connect.NoPartition:
		f.add(c.Arena, r, nil, nil)
	case !r.Value.IsNull() && isEnvelope(r.ValueSchema):
		event, err := requireStruct(r.Value, "extract changed fields")
		if err != nil {
			return err
		}
		changed, same := compareRows(c.Arena, event)
		f.add(c.Arena, r, changed, same)
	}
	emit(r)
	return nil
}

// add adds the headers that have a name.
func (f *changedFields) add(a *connect.Arena, r *connect.Record, changed, same []connect.Value) {
	headers := appendHeaders(a, r.Headers, 2)
	for _, one := range []struct {
		header *connect.Header
		names  []connect.Value
	}{{&f.changed, changed}, {&f.same, same}} {
		if one.header.Key != "" {
			headers = append(headers, connect.Header{Key: one.header.Key, Schema: one.header.Schema, Value: connect.Array(one.names)})
		}
	}
	r.Headers = headers
}

// compareRows names the fields of after that differ from before, and the others.
func compareRows(a *connect.Arena, event *connect.Struct) (changed, same []connect.Value) {
	v, _ := event.Get("before")
	before := v.Struct()
	v, _ = event.Get("after")
	after := v.Struct()
	if before == nil || after == nil {
		return nil, nil
	}
	fields := after.Schema.Fields()
	changed, same = a.Values(len(fields))[:0], a.Values(len(fields))[:0]
	for i := range fields {
		var old connect.Value
		if before.Schema == after.Schema {
			old = before.Values[i]
		} else {
			old, _ = before.Get(fields[i].Name)
		}
		if connect.Equal(old, after.Values[i]) {
			same = append(same, connect.String(fields[i].Name))
			continue
		}
		changed = append(changed, connect.String(fields[i].Name))
	}
	return changed, same
}
