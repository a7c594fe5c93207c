// SPDX-License-Identifier: Apache-2.0

package types

import "github.com/connectd/connectd/connect"

// Absent is what stands in a row for a column that the server does not tell, as in the old row
// of a delete, which has the key alone: null, or for a column that forbids null the default
// of its schema, else the zero of its type as in the original: the first moment of 1970, a
// point at 0,0, an empty collection for PostGIS. The value is shared and must not be
// changed.
func (p *ColumnPlan) Absent() connect.Value { return p.absent }

// absentValue makes Absent, once the schema and the decoder are there.
func (p *ColumnPlan) absentValue(col Column, r resolver) connect.Value {
	if !col.NotNull || p.form.extra {
		return connect.Null()
	}
	if v, ok := p.Schema.Default(); ok {
		return v
	}
	if p.Schema.Name() == "io.debezium.time.ZonedTimestamp" && p.Schema.Type() == connect.TypeString {
		return connect.String("1970-01-01T00:00:00Z") // without the digits that values have
	}
	oid, _ := r.base(col.Type, col.TypMod)
	if text := absentText(r.cat.Type(oid)); text != "" {
		var a connect.Arena
		if v, err := p.form.decoder.text(&a, []byte(text)); err == nil {
			return bare(connect.Clone(v))
		}
	}
	return zeroOf(p.Schema)
}

// bare takes out what the original does not say in these values: that a path is open, and
// the name of the zone.
func bare(v connect.Value) connect.Value {
	if v.Kind() != connect.KindStruct {
		return v
	}
	st := v.Struct()
	for i, f := range st.Schema.Fields() {
		switch {
		case f.Name == "extensions" && st.Values[i].Len() > 1:
			st.Values[i] = connect.Map(st.Values[i].Map()[:1])
		case f.Name == "zoneId":
			st.Values[i] = connect.Null()
		}
	}
	return v
}

// absentText is the value, as the server would write it, of types whose zero is not plain.
func absentText(t *Type) string {
	if t == nil {
		return ""
	}
	switch t.Name {
	case "geometry", "geography":
		return "010700000000000000" // GEOMETRYCOLLECTION EMPTY
	}
	switch t.OID {
	case oidNumeric:
		return "0"
	case oidMoney:
		return "$0.00"
	case oidDate:
		return "1970-01-01"
	case oidTime, oidInterval:
		return "00:00:00"
	case oidTimetz:
		return "00:00:00+00"
	case oidTimestamp:
		return "1970-01-01 00:00:00"
	case oidTimestamptz:
		return "1970-01-01 00:00:00+00"
	case oidPoint:
		return "(0,0)"
	case oidLine:
		return "{0,1,0}" // the server knows no line of zeros
	case oidLseg, oidPath:
		return "[(0,0),(1,0)]"
	case oidBox:
		return "(0,0),(1,1)"
	case oidPolygon:
		return "((0,0),(1,0),(0,1))"
	case oidCircle:
		return "<(0,0),0>"
	}
	return ""
}
