// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strconv"

	"github.com/connectd/connectd/connect"
)

// jsonTypes are the names of the types in the schemas of envelopes.
var jsonTypes = map[connect.Type]string{
	connect.TypeBoolean: "boolean", connect.TypeInt8: "int8", connect.TypeInt16: "int16", connect.TypeInt32: "int32",
	connect.TypeInt64: "int64", connect.TypeFloat32: "float", connect.TypeFloat64: "double", connect.TypeBytes: "bytes",
	connect.TypeString: "string", connect.TypeArray: "array", connect.TypeMap: "map", connect.TypeStruct: "struct",
}

// schema appends the description of s, with the members in the original's order;
// of a struct's field the name comes last.
func (w *payloadWriter) schema(dst []byte, s *connect.Schema, field *string) ([]byte, error) {
	dst = append(dst, `{"type":"`...)
	dst = append(append(dst, jsonTypes[s.Type()]...), '"')
	dst, err := w.inner(dst, s)
	if err != nil {
		return dst, err
	}
	dst = strconv.AppendBool(append(dst, `,"optional":`...), s.Optional())
	if s.Name() != "" {
		dst = appendJSONText(append(dst, `,"name":`...), s.Name())
	}
	if version, ok := s.Version(); ok {
		dst = strconv.AppendInt(append(dst, `,"version":`...), int64(version), 10)
	}
	if s.Doc() != "" {
		dst = appendJSONText(append(dst, `,"doc":`...), s.Doc())
	}
	if len(s.Params()) > 0 {
		dst = appendParams(append(dst, `,"parameters":`...), s.Params())
	}
	if def, ok := s.Default(); ok {
		if dst, err = w.value(append(dst, `,"default":`...), s, def); err != nil {
			return dst, err
		}
	}
	if field != nil {
		dst = appendJSONText(append(dst, `,"field":`...), *field)
	}
	return append(dst, '}'), nil
}

// inner appends the schemas that s is made of.
func (w *payloadWriter) inner(dst []byte, s *connect.Schema) ([]byte, error) {
	var err error
	switch s.Type() {
	case connect.TypeArray:
		return w.schema(append(dst, `,"items":`...), s.Elem(), nil)
	case connect.TypeMap:
		if dst, err = w.schema(append(dst, `,"keys":`...), s.Key(), nil); err != nil {
			return dst, err
		}
		return w.schema(append(dst, `,"values":`...), s.Elem(), nil)
	case connect.TypeStruct:
		dst = append(dst, `,"fields":[`...)
		for i, f := range s.Fields() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = w.schema(dst, f.Schema, &f.Name); err != nil {
				return dst, inField(err, f.Name)
			}
		}
		return append(dst, ']'), nil
	}
	return dst, nil
}

func appendParams(dst []byte, params []connect.Param) []byte {
	for i, p := range params {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		dst = append(appendJSONText(append(dst, sep), p.Key), ':')
		dst = appendJSONText(dst, p.Value)
	}
	return append(dst, '}')
}
