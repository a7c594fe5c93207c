// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"fmt"
	"math"
	"strconv"

	schema "github.com/connectd/connectd/connect/avro"
)

// appendDefault appends a default of a schema text as data of a. The default of a
// union is one of its first branch that it fits.
func appendDefault(dst []byte, a *schema.Schema, d *schema.JSON) ([]byte, error) {
	wrong := fmt.Errorf("%s is no %s", d, typeName(a))
	switch a.Type {
	case schema.Union:
		for i, b := range a.Union {
			if out, err := appendDefault(appendLong(dst, int64(i)), b, d); err == nil {
				return out, nil
			}
		}
		return dst, wrong
	case schema.Record, schema.Array, schema.Map:
		return appendNestedDefault(dst, a, d, wrong)
	case schema.Int, schema.Long:
		n, ok := d.Int()
		if !ok || a.Type == schema.Int && n != int64(int32(n)) {
			return dst, wrong
		}
		return appendLong(dst, n), nil
	case schema.Float, schema.Double:
		return appendFloatDefault(dst, a, d, wrong)
	case schema.Null:
		if d.Kind == schema.JSONNull {
			return dst, nil
		}
	case schema.Boolean:
		if d.Kind == schema.JSONBool {
			return appendBool(dst, d.Bool), nil
		}
	case schema.Enum:
		if i := indexOf(a.Symbols, d.Text); d.Kind == schema.JSONString && i >= 0 {
			return appendLong(dst, int64(i)), nil
		}
	case schema.String:
		if d.Kind == schema.JSONString {
			return appendText(dst, d.Text), nil
		}
	case schema.Bytes, schema.Fixed:
		return appendBytesDefault(dst, a, d, wrong)
	}
	return dst, wrong
}

func indexOf(list []string, s string) int {
	for i, e := range list {
		if e == s {
			return i
		}
	}
	return -1
}

func appendFloatDefault(dst []byte, a *schema.Schema, d *schema.JSON, wrong error) ([]byte, error) {
	if d.Kind != schema.JSONNumber && d.Kind != schema.JSONString {
		return dst, wrong
	}
	f, err := strconv.ParseFloat(d.Text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return dst, wrong
	}
	if a.Type == schema.Float {
		return appendFloat(dst, float32(f)), nil
	}
	return appendDouble(dst, f), nil
}

// appendBytesDefault takes each character as the byte of its number.
func appendBytesDefault(dst []byte, a *schema.Schema, d *schema.JSON, wrong error) ([]byte, error) {
	if d.Kind != schema.JSONString {
		return dst, wrong
	}
	raw := make([]byte, 0, len(d.Text))
	for _, r := range d.Text {
		if r > 0xff {
			return dst, wrong
		}
		raw = append(raw, byte(r))
	}
	if a.Type == schema.Fixed {
		if len(raw) != a.Size {
			return dst, wrong
		}
		return append(dst, raw...), nil
	}
	return append(appendLong(dst, int64(len(raw))), raw...), nil
}

func appendNestedDefault(dst []byte, a *schema.Schema, d *schema.JSON, wrong error) ([]byte, error) {
	var err error
	switch {
	case a.Type == schema.Array && d.Kind == schema.JSONArray:
		if len(d.Items) > 0 {
			dst = appendLong(dst, int64(len(d.Items)))
		}
		for _, item := range d.Items {
			if dst, err = appendDefault(dst, a.Elem, item); err != nil {
				return dst, err
			}
		}
		return append(dst, 0), nil
	case a.Type == schema.Map && d.Kind == schema.JSONObject:
		if len(d.Members) > 0 {
			dst = appendLong(dst, int64(len(d.Members)))
		}
		for _, m := range d.Members {
			if dst, err = appendDefault(appendText(dst, m.Name), a.Elem, m.Value); err != nil {
				return dst, err
			}
		}
		return append(dst, 0), nil
	case a.Type == schema.Record && d.Kind == schema.JSONObject:
		for i := range a.Fields {
			f := &a.Fields[i]
			value := d.Get(f.Name)
			if value == nil {
				value = f.Default
			}
			if value == nil {
				return dst, fmt.Errorf("%s has no member %s", d, f.Name)
			}
			if dst, err = appendDefault(dst, f.Schema, value); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	return dst, wrong
}
