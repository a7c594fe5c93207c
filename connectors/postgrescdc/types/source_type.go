// SPDX-License-Identifier: Apache-2.0

package types

import (
	"math"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Parameters of column.propagate.source.type.
const (
	sourceTypeParam   = "__debezium.source.column.type"
	sourceLengthParam = "__debezium.source.column.length"
	sourceScaleParam  = "__debezium.source.column.scale"
	sourceNameParam   = "__debezium.source.column.name"
)

// sourceType adds the type's name in upper case, length and scale as the JDBC driver of
// PostgreSQL tells them, and the column's name.
func (r resolver) sourceType(b *connect.Builder, col Column) {
	t := r.cat.Type(col.Type)
	oid, typmod := r.base(col.Type, col.TypMod)
	b.Param(sourceTypeParam, strings.ToUpper(sourceName(t, col.Default)))
	b.Param(sourceLengthParam, strconv.Itoa(sourceLength(oid, typmod)))
	b.Param(sourceScaleParam, strconv.Itoa(sourceScale(oid, typmod)))
	b.Param(sourceNameParam, col.Name)
}

// base is what is at the bottom of a domain.
func (r resolver) base(oid uint32, typmod int32) (uint32, int32) {
	for range maxDepth {
		t := r.cat.Type(oid)
		if t == nil || t.Kind != 'd' {
			break
		}
		if oid = t.Base; t.TypMod >= 0 {
			typmod = t.TypMod
		}
	}
	return oid, typmod
}

// sourceName tells the serial types from the integers that they are.
func sourceName(t *Type, expr string) string {
	if !strings.HasPrefix(expr, "nextval(") {
		return t.Name
	}
	switch t.OID {
	case oidInt2:
		return "smallserial"
	case oidInt4:
		return "serial"
	case oidInt8:
		return "bigserial"
	}
	return t.Name
}

// sourceLength is the driver's precision of a type.
func sourceLength(oid uint32, typmod int32) int {
	const unlimited = math.MaxInt32
	switch oid {
	case oidInt2:
		return 5
	case oidInt4, oidOID:
		return 10
	case oidInt8:
		return 19
	case oidFloat4:
		return 8
	case oidFloat8:
		return 17
	case oidBool, oidChar:
		return 1
	case oidNumeric:
		if typmod < 4 {
			return 0
		}
		return int((typmod-4)>>16) & 0xffff
	case oidBpchar, oidVarchar:
		if typmod >= 4 {
			return int(typmod - 4)
		}
	case oidBit, oidVarbit:
		if typmod >= 0 {
			return int(typmod)
		}
	case oidDate:
		return 13
	case oidTime:
		return 8 + fractionWidth(typmod)
	case oidTimetz:
		return 8 + fractionWidth(typmod) + 6
	case oidTimestamp:
		return 22 + fractionWidth(typmod)
	case oidTimestamptz:
		return 22 + fractionWidth(typmod) + 6
	case oidInterval:
		return 49
	}
	return unlimited
}

// fractionWidth is the width of a fraction of seconds with its point.
func fractionWidth(typmod int32) int {
	switch typmod {
	case -1:
		return 7
	case 0:
		return 0
	case 1:
		return 3
	}
	return int(typmod) + 1
}

// sourceScale is the driver's scale of a type.
func sourceScale(oid uint32, typmod int32) int {
	switch oid {
	case oidFloat4:
		return 8
	case oidFloat8:
		return 17
	case oidNumeric:
		if typmod < 4 {
			return 0
		}
		return int(typmod-4) & 0xffff
	case oidTime, oidTimetz, oidTimestamp, oidTimestamptz:
		if typmod < 0 {
			return 6
		}
		return int(typmod)
	case oidInterval:
		if typmod < 0 {
			return 6
		}
		return int(typmod & 0xffff)
	}
	return 0
}

// scaleOf is the scale of a decimal's schema.
func scaleOf(s *connect.Schema) int {
	text, _ := s.Param(connect.DecimalScale)
	scale, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return scale
}
