// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
)

// eventField is one element of add.fields and add.headers: op, source.ts_ms,
// table:origin.
type eventField struct {
	in    string // the struct of the event that holds it; "" for the event itself
	field string
	name  string // of the new field or header, with its prefix
}

// parseEventFields reads a list of fields. A simple name is looked for where
// Debezium has it: op and ts_ms in the event, those of a transaction in transaction,
// all others in source.
func parseEventFields(prefix string, list []string) ([]eventField, error) {
	out := make([]eventField, 0, len(list))
	for _, text := range list {
		path, alias, renamed := strings.Cut(strings.TrimSpace(text), ":")
		if renamed && (alias == "" || strings.Contains(alias, ":")) || path == "" {
			return nil, fmt.Errorf("unexpected field name: %q; write field or field:name", text)
		}
		in, field, nested := strings.Cut(path, ".")
		f := eventField{in: in, field: field, name: prefix + in + "_" + field}
		if !nested {
			f = eventField{in: structOf(in), field: in, name: prefix + in}
		}
		if renamed {
			f.name = prefix + alias
		}
		out = append(out, f)
	}
	return out, nil
}

func structOf(field string) string {
	switch field {
	case "id", "data_collection_order", "total_order":
		return "transaction"
	case "op", "ts_ms", "ts_us", "ts_ns":
		return ""
	}
	return "source"
}

func checkEventFields(v any) (rule, hint string) {
	list, _ := v.([]string)
	if _, err := parseEventFields("", list); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

// eventFieldAt is an eventField in the events of one schema.
type eventFieldAt struct {
	name   string
	schema *connect.Schema // always optional
	outer  int             // the field of the event that holds it; -1 for the event itself
	index  int
}

// fieldsAt finds fields in a schema; those that are not there are left out.
func fieldsAt(s *connect.Schema, fields []eventField) []eventFieldAt {
	var out []eventFieldAt
	for _, f := range fields {
		outer, found := -1, s.Field(f.field)
		if holder := s.Field(f.in); f.in != "" && holder != nil && holder.Schema.Type() == connect.TypeStruct {
			if inner := holder.Schema.Field(f.field); inner != nil {
				outer, found = holder.Index, inner
			}
		}
		if found == nil {
			continue
		}
		schema := connect.Like(found.Schema, false).Optional().Default(connect.Null()).MustBuild()
		out = append(out, eventFieldAt{name: f.name, schema: schema, outer: outer, index: found.Index})
	}
	return out
}

// of returns the value in an event; null where the struct around it is null.
func (f *eventFieldAt) of(event *connect.Struct) connect.Value {
	if f.outer < 0 {
		return event.Values[f.index]
	}
	holder := event.Values[f.outer].Struct()
	if holder == nil {
		return connect.Null()
	}
	return holder.Values[f.index]
}
