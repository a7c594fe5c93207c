// SPDX-License-Identifier: Apache-2.0

package types

import (
	"errors"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// OIDs of types that tests make up, as extensions and users do.
const (
	oidTestEnum = 20000 + iota
	oidTestDomain
	oidTestDomainOfDomain
	oidTestHstore
	oidTestGeometry
	oidTestGeography
	oidTestVector
	oidTestHalfvec
	oidTestSparsevec
	oidTestLtree
	oidTestCitext
	oidTestComposite
	oidTestRange
	oidTestMultirange
	oidTestUnknown
	oidTestArrayDomain
	oidTestIsbn
	oidTestInner
	oidTestArrays // and above: the array of type n is n + oidTestArrays
)

var builtinNames = map[uint32]string{
	oidBool: "bool", oidBytea: "bytea", oidChar: "char", oidName: "name", oidInt8: "int8", oidInt2: "int2", oidInt4: "int4",
	oidText: "text", oidOID: "oid", oidJSON: "json", oidXML: "xml", oidPoint: "point", oidLseg: "lseg", oidPath: "path", oidBox: "box",
	oidPolygon: "polygon", oidLine: "line", oidCIDR: "cidr", oidFloat4: "float4", oidFloat8: "float8", oidCircle: "circle",
	oidMacaddr8: "macaddr8", oidMoney: "money", oidMacaddr: "macaddr", oidInet: "inet", oidBpchar: "bpchar", oidVarchar: "varchar",
	oidDate: "date", oidTime: "time", oidTimestamp: "timestamp", oidTimestamptz: "timestamptz", oidInterval: "interval",
	oidTimetz: "timetz", oidBit: "bit", oidVarbit: "varbit", oidNumeric: "numeric", oidUUID: "uuid", oidTsvector: "tsvector", oidJSONB: "jsonb",
	3904: "int4range", 4451: "int4multirange", 3615: "tsquery",
}

// testCatalog is a catalog of all types that have a mapping, each with its array.
func testCatalog() *Catalog {
	var all []Type
	add := func(t Type) {
		if t.TypMod == 0 {
			t.TypMod = -1
		}
		delimiter := byte(',')
		if t.OID == oidBox {
			delimiter = ';'
		}
		all = append(all, t, Type{OID: t.OID + oidTestArrays, Namespace: t.Namespace, Name: "_" + t.Name, Kind: 'b', Category: 'A', Elem: t.OID, Delimiter: delimiter, TypMod: -1})
	}
	for oid, name := range builtinNames {
		kind := byte('b')
		switch oid {
		case 3904:
			kind = 'r'
		case 4451:
			kind = 'm'
		}
		add(Type{OID: oid, Namespace: "pg_catalog", Name: name, Kind: kind})
	}
	for oid, name := range map[uint32]string{
		oidTestHstore: "hstore", oidTestGeometry: "geometry", oidTestGeography: "geography", oidTestVector: "vector", oidTestHalfvec: "halfvec",
		oidTestSparsevec: "sparsevec", oidTestLtree: "ltree", oidTestCitext: "citext", oidTestUnknown: "cube", oidTestIsbn: "isbn",
	} {
		add(Type{OID: oid, Namespace: "public", Name: name, Kind: 'b'})
	}
	add(Type{OID: oidTestEnum, Namespace: "public", Name: "mood", Kind: 'e', Labels: []string{"sad", "ok"}})
	add(Type{OID: oidTestDomain, Namespace: "public", Name: "amount", Kind: 'd', Base: oidNumeric, TypMod: (12<<16 | 4) + 4})
	add(Type{OID: oidTestDomainOfDomain, Namespace: "public", Name: "price", Kind: 'd', Base: oidTestDomain})
	add(Type{OID: oidTestArrayDomain, Namespace: "public", Name: "ints", Kind: 'd', Base: oidInt4 + oidTestArrays, Dimensions: 1})
	add(Type{OID: oidTestRange, Namespace: "public", Name: "timerange", Kind: 'r'})
	add(Type{OID: oidTestMultirange, Namespace: "public", Name: "timemultirange", Kind: 'm'})
	add(Type{OID: oidTestInner, Namespace: "public", Name: "inner", Kind: 'c', Fields: []Field{{Name: "n", OID: oidInt4, TypMod: -1}}})
	add(Type{OID: oidTestComposite, Namespace: "public", Name: "addr", Kind: 'c', Fields: []Field{
		{Name: "street", OID: oidText, TypMod: -1}, {Name: "zip", OID: oidInt4, TypMod: -1}, {Name: "q", OID: 3615, TypMod: -1},
		{Name: "inner", OID: oidTestInner, TypMod: -1}, {Name: "tags", OID: oidText + oidTestArrays, TypMod: -1},
	}})
	return NewCatalog(all)
}

func mustPlan(t testing.TB, c Column, m Modes) *ColumnPlan {
	t.Helper()
	if c.Name == "" {
		c.Name = "c"
	}
	p, err := Plan(c, testCatalog(), m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shown is a value as JSON without a schema, or the reason why there is none.
func shown(v connect.Value, err error) string {
	var e *ValueError
	if errors.As(err, &e) {
		if e.Unfit {
			return "unfit: " + e.Err.Error()
		}
		return "malformed: " + e.Err.Error()
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return string(convert.AppendJSON(nil, v))
}

// schemaText is a schema in short: type, name, parameters, optional.
func schemaText(s *connect.Schema) string {
	out := s.Type().String()
	if s.Name() != "" {
		out += " " + s.Name()
	}
	for _, p := range s.Params() {
		out += " " + p.Key + "=" + p.Value
	}
	if s.Type() == connect.TypeMap {
		out += " of " + schemaText(s.Key()) + " to " + schemaText(s.Elem())
	}
	if s.Type() == connect.TypeArray {
		out += " of (" + schemaText(s.Elem()) + ")"
	}
	for _, f := range s.Fields() {
		out += " ." + f.Name + "(" + schemaText(f.Schema) + ")"
	}
	if s.Optional() {
		out += "?"
	}
	return out
}
