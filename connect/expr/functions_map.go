// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

var mapFunctions = map[string]function{
	"get":       {2, 2, anyType, get},
	"keys":      {1, 1, listType, keys},
	"values":    {1, 1, listType, memberValues},
	"toPairs":   {1, 1, listType, toPairs},
	"fromPairs": {1, 1, mapType, fromPairs},
	"merge":     {1, -1, mapType, merge},
	"without":   {2, -1, mapType, without},
}

func wantMap(v connect.Value) error {
	if !isMap(v) {
		return fmt.Errorf("a map is needed, this is %s", v.Kind())
	}
	return nil
}

// get is a member or element, and null where there is none.
func get(_ *Env, args []connect.Value) (connect.Value, error) {
	v, i := args[0], args[1]
	if v.Kind() == connect.KindArray || v.Kind() == connect.KindString {
		if _, err := indexOf(i, itemCount(v)); err != nil {
			return connect.Null(), nil
		}
	}
	return itemOf(v, i)
}

func keys(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantMap(args[0]); err != nil {
		return args[0], err
	}
	out, err := e.values(itemCount(args[0]))
	for i := range out {
		out[i], _ = entryOf(args[0], i)
	}
	return connect.Array(out), err
}

func memberValues(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantMap(args[0]); err != nil {
		return args[0], err
	}
	out, err := e.values(itemCount(args[0]))
	for i := range out {
		_, out[i] = entryOf(args[0], i)
	}
	return connect.Array(out), err
}

func toPairs(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantMap(args[0]); err != nil {
		return args[0], err
	}
	n := itemCount(args[0])
	out, err := e.values(3 * n)
	if err != nil {
		return args[0], err
	}
	pairs := out[:n:n]
	for i := range pairs {
		pair := out[n+2*i : n+2*i+2 : n+2*i+2]
		pair[0], pair[1] = entryOf(args[0], i)
		pairs[i] = connect.Array(pair)
	}
	return connect.Array(pairs), nil
}

func fromPairs(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantArray(args[0]); err != nil {
		return args[0], err
	}
	out, err := e.entries(args[0].Len())
	if err != nil {
		return args[0], err
	}
	n := 0
	for _, p := range args[0].Array() {
		pair := p.Array()
		if len(pair) != 2 || pair[0].Kind() != connect.KindString {
			return p, fmt.Errorf("a pair is an array of a text and a value")
		}
		if err := e.visit(n + 1); err != nil {
			return p, err
		}
		n = put(out, n, pair[0], pair[1])
	}
	return connect.Map(out[:n]), nil
}

// merge puts maps together: a member keeps its first place and has its last value. A
// null counts as an empty map.
func merge(e *Env, args []connect.Value) (connect.Value, error) {
	size := 0
	for _, a := range args {
		if !a.IsNull() {
			if err := wantMap(a); err != nil {
				return a, err
			}
			size += itemCount(a)
		}
	}
	out, err := e.entries(size)
	if err != nil {
		return connect.Value{}, err
	}
	n := 0
	for _, a := range args {
		for i := range itemCount(a) {
			k, v := entryOf(a, i)
			if err := e.visit(n + 1); err != nil {
				return a, err
			}
			n = put(out, n, k, v)
		}
	}
	return connect.Map(out[:n]), nil
}

// without leaves members out of a map.
func without(e *Env, args []connect.Value) (connect.Value, error) {
	if args[0].IsNull() {
		return args[0], nil
	}
	if err := wantMap(args[0]); err != nil {
		return args[0], err
	}
	out, err := e.entries(itemCount(args[0]))
	if err != nil {
		return args[0], err
	}
	if err := e.visit(len(out) * len(args)); err != nil {
		return args[0], err
	}
	n := 0
	for i := range out {
		k, v := entryOf(args[0], i)
		if !holds(args[1:], k) {
			out[n] = connect.MapEntry{Key: k, Value: v}
			n++
		}
	}
	return connect.Map(out[:n]), nil
}
