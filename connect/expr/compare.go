// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"bytes"
	"cmp"
	"fmt"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

// equal compares by meaning: numbers by their value whatever their kind, maps and
// structs by their members in any order, everything else within its kind.
func equal(a, b connect.Value) bool {
	if a.Kind() == b.Kind() {
		switch a.Kind() {
		case connect.KindString, connect.KindBytes:
			return bytes.Equal(a.Bytes(), b.Bytes())
		case connect.KindInt64:
			return a.Int() == b.Int()
		case connect.KindArray:
			return equalArrays(a.Array(), b.Array())
		}
	}
	switch {
	case isNumber(a) && isNumber(b):
		c, ok := compareNumbers(a, b)
		return ok && c == 0
	case isMap(a) && isMap(b):
		return equalMaps(a, b)
	}
	return connect.Equal(a, b)
}

func equalArrays(a, b []connect.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func isMap(v connect.Value) bool {
	return v.Kind() == connect.KindMap || v.Kind() == connect.KindStruct
}

func equalMaps(a, b connect.Value) bool {
	n := itemCount(a)
	if n != itemCount(b) {
		return false
	}
	for i := range n {
		k, v := entryOf(a, i)
		w, found := lookUp(b, k)
		if !found || !equal(v, w) {
			return false
		}
	}
	return true
}

// entryOf returns the i-th member of a map or struct.
func entryOf(v connect.Value, i int) (key, value connect.Value) {
	if st := v.Struct(); st != nil {
		return connect.String(st.Schema.Fields()[i].Name), st.Values[i]
	}
	e := v.Map()[i]
	return e.Key, e.Value
}

func lookUp(v, key connect.Value) (connect.Value, bool) {
	if st := v.Struct(); st != nil {
		if key.Kind() != connect.KindString {
			return connect.Value{}, false
		}
		return st.Get(key.Str())
	}
	for _, e := range v.Map() {
		if equal(e.Key, key) {
			return e.Value, true
		}
	}
	return connect.Value{}, false
}

// itemCount returns the number of characters, elements, bytes or members.
func itemCount(v connect.Value) int {
	switch v.Kind() {
	case connect.KindString:
		return utf8.RuneCount(v.Bytes())
	case connect.KindStruct:
		return len(v.Struct().Values)
	default:
		return v.Len()
	}
}

// sliceText takes characters from i to before j.
func sliceText(v connect.Value, i, j int) connect.Value {
	s := v.Str()
	from, to, n := len(s), len(s), 0
	for at := range s {
		if n == i {
			from = at
		}
		if n == j {
			to = at
			break
		}
		n++
	}
	if i >= j {
		return connect.String("")
	}
	return connect.String(s[from:to])
}

// ordered makes an operator of what it accepts of a comparison.
func ordered(accept func(int) bool) operation {
	return func(_ *Env, a, b connect.Value) (connect.Value, error) {
		c, ok, err := compare(a, b)
		return connect.Bool(ok && accept(c)), err
	}
}

// compare orders two values of one family; ok is false if one is not a number (NaN).
func compare(a, b connect.Value) (c int, ok bool, err error) {
	switch {
	case a.Kind() == connect.KindInt64 && b.Kind() == connect.KindInt64:
		return cmp.Compare(a.Int(), b.Int()), true, nil
	case isNumber(a) && isNumber(b):
		c, ok := compareNumbers(a, b)
		return c, ok, nil
	case a.Kind() != b.Kind():
	case a.Kind() == connect.KindString || a.Kind() == connect.KindBytes:
		return bytes.Compare(a.Bytes(), b.Bytes()), true, nil
	case isTime(a):
		return cmp.Compare(a.Int(), b.Int()), true, nil
	}
	if a.IsNull() || b.IsNull() {
		return 0, false, fmt.Errorf("%s cannot be compared with %s: the field is null or missing; ?? gives it a value", a.Kind(), b.Kind())
	}
	return 0, false, fmt.Errorf("%s cannot be compared with %s", a.Kind(), b.Kind())
}

func isTime(v connect.Value) bool {
	k := v.Kind()
	return k == connect.KindDate || k == connect.KindTime || k == connect.KindTimestamp
}

// contained is the operator in: an element of an array, a key of a map.
func contained(e *Env, a, b connect.Value) (connect.Value, error) {
	switch b.Kind() {
	case connect.KindNull:
		return connect.Bool(false), nil
	case connect.KindArray:
		if err := e.visit(b.Len()); err != nil {
			return b, err
		}
		for _, v := range b.Array() {
			if equal(v, a) {
				return connect.Bool(true), nil
			}
		}
		return connect.Bool(false), nil
	case connect.KindMap, connect.KindStruct:
		_, found := lookUp(b, a)
		return connect.Bool(found), nil
	}
	return b, fmt.Errorf("in needs an array or a map on its right, this is %s", b.Kind())
}

// texts makes an operator on two texts; a null text contains nothing.
func texts(name string, do func(a, b []byte) bool) operation {
	return func(_ *Env, a, b connect.Value) (connect.Value, error) {
		switch {
		case a.IsNull():
			return connect.Bool(false), nil
		case a.Kind() != connect.KindString || b.Kind() != connect.KindString:
			return a, fmt.Errorf("%s needs two texts, these are %s and %s", name, a.Kind(), b.Kind())
		}
		return connect.Bool(do(a.Bytes(), b.Bytes())), nil
	}
}

// span is the operator .. with both ends included.
func span(e *Env, a, b connect.Value) (connect.Value, error) {
	if !a.IsInt() || !b.IsInt() {
		return a, fmt.Errorf(".. needs two integers, these are %s and %s", a.Kind(), b.Kind())
	}
	from, to := a.Int(), b.Int()
	if to < from {
		return connect.Array(nil), nil
	}
	if uint64(to)-uint64(from) >= MaxSteps {
		return a, errSteps
	}
	out, err := e.values(int(to-from) + 1)
	for i := range out {
		out[i] = connect.Int64(from + int64(i))
	}
	return connect.Array(out), err
}
