// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// resolver finds the form of types.
type resolver struct {
	cat   *Catalog
	modes Modes
}

// maxDepth bounds domains of domains of arrays of composites: the server allows no
// circles, a catalog that was read in the middle of a change might have one.
const maxDepth = 32

func (r resolver) resolve(oid uint32, typmod int32, dims, depth int) (form, error) {
	t := r.cat.Type(oid)
	if t == nil {
		return form{}, fmt.Errorf("the catalog has no type with OID %d", oid)
	}
	if depth > maxDepth {
		return form{}, fmt.Errorf("type %s is nested more than %d deep", t.Name, maxDepth)
	}
	switch {
	case t.Kind == 'd':
		return r.domain(t, typmod, dims, depth)
	case t.Kind == 'e':
		return enumForm(t), nil
	case t.Kind == 'r' && builtinRange(t.OID):
		return textOnly(textForm(connect.TypeString, "")), nil
	case t.Kind == 'r', t.Kind == 'm':
		return r.extra(textOnly(textForm(connect.TypeString, ""))), nil
	case t.Kind == 'c':
		return r.composite(t, depth)
	case t.Category == 'A' && t.Elem != 0 && strings.HasPrefix(t.Name, "_"):
		return r.array(t, typmod, dims, depth)
	}
	if f, ok := r.builtin(t.OID, typmod); ok {
		return f, nil
	}
	if f, ok := r.extension(t); ok {
		return f, nil
	}
	return r.unknown(), nil
}

// domain is its base type. A column of a domain has no modifier: the domain has it.
func (r resolver) domain(t *Type, typmod int32, dims, depth int) (form, error) {
	if t.TypMod >= 0 {
		typmod = t.TypMod
	}
	if t.Dimensions > 0 {
		dims = t.Dimensions
	}
	f, err := r.resolve(t.Base, typmod, dims, depth+1)
	f.literals = false // the original has no defaults for domains
	return f, err
}

// builtin is the form of a type that every server has.
func (r resolver) builtin(oid uint32, typmod int32) (form, bool) {
	switch oid {
	case oidBool:
		return scalarForm(connect.TypeBoolean, boolean{}, "f"), true
	case oidInt2:
		return scalarForm(connect.TypeInt16, integer{bits: 16}, "0"), true
	case oidInt4:
		return scalarForm(connect.TypeInt32, integer{bits: 32}, "0"), true
	case oidInt8:
		return scalarForm(connect.TypeInt64, integer{bits: 64}, "0"), true
	case oidOID:
		return withoutDefaults(scalarForm(connect.TypeInt64, objectID{}, "")), true
	case oidFloat4:
		return scalarForm(connect.TypeFloat32, float{bits: 32}, "0"), true
	case oidFloat8:
		return scalarForm(connect.TypeFloat64, float{bits: 64}, "0"), true
	case oidNumeric:
		return r.numeric(typmod), true
	case oidMoney:
		return r.money(), true
	case oidBytea:
		return r.bytes(byteaText), true
	case oidBit:
		return bitsForm(typmod, 1), true
	case oidVarbit:
		return bitsForm(typmod, 1<<31-1), true
	}
	if f, ok := r.character(oid); ok {
		return f, true
	}
	if f, ok := r.temporal(oid, typmod); ok {
		return f, true
	}
	return geometricForm(oid)
}

// character is the form of the types whose text is the value.
func (r resolver) character(oid uint32) (form, bool) {
	switch oid {
	case oidText, oidVarchar, oidBpchar:
		return withDefaults(textForm(connect.TypeString, ""), ""), true
	case oidName, oidChar:
		return textForm(connect.TypeString, ""), true
	case oidInet, oidCIDR, oidMacaddr, oidMacaddr8:
		return textOnly(textForm(connect.TypeString, "")), true
	case oidXML:
		return withDefaults(textForm(connect.TypeString, "io.debezium.data.Xml"), ""), true
	case oidJSON:
		return withDefaults(textForm(connect.TypeString, "io.debezium.data.Json"), "{}"), true
	case oidJSONB:
		f := withDefaults(textForm(connect.TypeString, "io.debezium.data.Json"), "{}")
		f.decoder = jsonb{}
		return f, true
	case oidUUID:
		f := withDefaults(textForm(connect.TypeString, "io.debezium.data.Uuid"), "00000000-0000-0000-0000-000000000000")
		f.decoder = uuid{}
		return f, true
	case oidTsvector:
		return textOnly(textForm(connect.TypeString, "io.debezium.data.Tsvector")), true
	}
	return form{}, false
}

// extension is the form of a type that an extension brings: its OID differs from
// database to database, its name does not.
func (r resolver) extension(t *Type) (form, bool) {
	switch t.Name {
	case "citext", "isbn":
		return textOnly(textForm(connect.TypeString, "")), true
	case "isbn13", "issn", "issn13", "ismn", "ismn13", "ean13", "upc":
		return r.extra(textOnly(textForm(connect.TypeString, ""))), true
	case "ltree":
		return textOnly(textForm(connect.TypeString, "io.debezium.data.Ltree")), true
	case "hstore":
		return r.hstore(), true
	case "geometry":
		f := postgisForm(geometrySchema)
		f.nullable = true
		return f, true
	case "geography":
		return postgisForm(geographySchema), true
	case "vector":
		return vectorForm("io.debezium.data.DoubleVector", 64), true
	case "halfvec":
		return vectorForm("io.debezium.data.FloatVector", 32), true
	case "sparsevec":
		return sparseVectorForm(), true
	}
	return form{}, false
}

// unknown is the form of everything else.
func (r resolver) unknown() form {
	if !r.modes.UnknownTypes {
		return form{drop: true, decoder: unmapped{}}
	}
	return r.bytes(plainText)
}

// extra is the form of a scalar that the original leaves out: f, or what the original makes
// of it where it is told not to leave it out.
func (r resolver) extra(f form) form {
	if r.modes.UnknownTypes {
		return r.unknown()
	}
	f.extra = true
	return f
}

// unmapped refuses the values of dropped columns.
type unmapped struct{ noBinary }

func (unmapped) text(*connect.Arena, []byte) (connect.Value, error) {
	return connect.Null(), unfit("has no mapping: the column is left out")
}

// scalarForm is a form with a schema of a plain type, a binary form and defaults.
func scalarForm(t connect.Type, d decoder, zero string) form {
	return form{
		begin:   func() *connect.Builder { return connect.NewSchema(t) },
		decoder: d, hasBinary: true, literals: true, zero: zero,
	}
}

// structForm is a form with a struct, a binary form, and no defaults: a struct cannot be one.
func structForm(schema *connect.Builder, bind func(*connect.Schema) decoder) form {
	s := schema.MustBuild()
	return form{begin: func() *connect.Builder { return connect.Like(s, false) }, bind: bind, hasBinary: true}
}

// textForm is a form whose values are the server's text, without defaults.
func textForm(t connect.Type, name string) form {
	return form{begin: func() *connect.Builder { return named(t, name) }, decoder: plain{}, hasBinary: true}
}

// named begins a schema of a semantic type; they all have version 1.
func named(t connect.Type, name string) *connect.Builder {
	b := connect.NewSchema(t)
	if name != "" {
		b.Name(name).Version(1)
	}
	return b
}

func withDefaults(f form, zero string) form {
	f.literals, f.zero = true, zero
	return f
}

func withoutDefaults(f form) form {
	f.literals = false
	return f
}

// textOnly is f for a type whose binary form is not its text.
func textOnly(f form) form {
	f.decoder, f.hasBinary = plainWithoutBinary{}, false
	return f
}

func enumForm(t *Type) form {
	allowed := strings.Join(t.Labels, ",")
	return form{
		begin: func() *connect.Builder {
			return named(connect.TypeString, "io.debezium.data.Enum").Param("allowed", allowed)
		},
		decoder: plain{}, hasBinary: true, literals: true,
	}
}

func bitsForm(typmod int32, unlimited int) form {
	length := unlimited
	if typmod >= 0 {
		length = int(typmod)
	}
	if length == 1 {
		return scalarForm(connect.TypeBoolean, bit{}, "0")
	}
	return form{
		begin: func() *connect.Builder {
			return named(connect.TypeBytes, "io.debezium.data.Bits").Param("length", strconv.Itoa(length))
		},
		decoder: bitSet{}, hasBinary: true, literals: true, zero: "0",
	}
}
