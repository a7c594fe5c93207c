// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"

	"github.com/connectd/connectd/connect"
)

var listFunctions = map[string]function{
	"len":     {1, 1, numberType, length},
	"first":   {1, 1, anyType, first},
	"last":    {1, 1, anyType, last},
	"take":    {2, 2, listType, take},
	"concat":  {1, -1, listType, concat},
	"flatten": {1, 1, listType, flatten},
	"reverse": {1, 1, listType, reverse},
	"sort":    {1, 2, listType, sortList},
	"uniq":    {1, 1, listType, uniq},
}

func wantArray(v connect.Value) error {
	if v.Kind() != connect.KindArray {
		return fmt.Errorf("an array is needed, this is %s", v.Kind())
	}
	return nil
}

func length(_ *Env, args []connect.Value) (connect.Value, error) {
	switch v := args[0]; v.Kind() {
	case connect.KindString, connect.KindBytes, connect.KindArray, connect.KindMap, connect.KindStruct:
		return connect.Int64(int64(itemCount(v))), nil
	default:
		return v, fmt.Errorf("a text, an array or a map is needed, this is %s", v.Kind())
	}
}

func first(_ *Env, args []connect.Value) (connect.Value, error) {
	if args[0].Len() == 0 {
		return connect.Null(), nil
	}
	return itemOf(args[0], connect.Int64(0))
}

func last(_ *Env, args []connect.Value) (connect.Value, error) {
	if args[0].Len() == 0 {
		return connect.Null(), nil
	}
	return itemOf(args[0], connect.Int64(-1))
}

func take(_ *Env, args []connect.Value) (connect.Value, error) {
	if err := wantArray(args[0]); err != nil {
		return args[0], err
	}
	if !args[1].IsInt() || args[1].Int() < 0 {
		return args[1], fmt.Errorf("the number of elements is an integer, at least 0")
	}
	return sliceOf(args[0], connect.Null(), args[1])
}

func concat(e *Env, args []connect.Value) (connect.Value, error) {
	n := 0
	for _, a := range args {
		if err := wantArray(a); err != nil {
			return a, err
		}
		n += a.Len()
	}
	out, err := e.values(n)
	if err != nil {
		return connect.Value{}, err
	}
	at := 0
	for _, a := range args {
		at += copy(out[at:], a.Array())
	}
	return connect.Array(out), nil
}

func flatten(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantArray(args[0]); err != nil {
		return args[0], err
	}
	var all []connect.Value
	if err := flattenInto(e, &all, args[0], 0); err != nil {
		return args[0], err
	}
	return connect.Array(all), nil
}

func flattenInto(e *Env, all *[]connect.Value, v connect.Value, depth int) error {
	if depth > 100 {
		return fmt.Errorf("arrays nest too deep")
	}
	for _, item := range v.Array() {
		if item.Kind() == connect.KindArray {
			if err := flattenInto(e, all, item, depth+1); err != nil {
				return err
			}
			continue
		}
		if err := e.grow(2 * valueSize); err != nil {
			return err
		}
		*all = append(*all, item)
	}
	return e.visit(v.Len())
}

func reverse(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantArray(args[0]); err != nil {
		return args[0], err
	}
	in := args[0].Array()
	out, err := e.values(len(in))
	for i := range out {
		out[i] = in[len(in)-1-i]
	}
	return connect.Array(out), err
}

func sortList(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantArray(args[0]); err != nil {
		return args[0], err
	}
	order := connect.Null()
	if len(args) == 2 {
		order = args[1]
	}
	down, err := direction(order)
	if err != nil {
		return order, err
	}
	in := args[0].Array()
	if err := e.grow(len(in) * 2 * valueSize); err != nil {
		return args[0], err
	}
	pairs := make([][2]connect.Value, len(in))
	for i, v := range in {
		pairs[i][0] = v
	}
	if err := sortPairs(pairs, down); err != nil {
		return args[0], err
	}
	out, err := e.values(len(in))
	for i := range out {
		out[i] = pairs[i][0]
	}
	return connect.Array(out), err
}

func uniq(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantArray(args[0]); err != nil {
		return args[0], err
	}
	out, err := e.values(args[0].Len())
	if err != nil {
		return args[0], err
	}
	n := 0
	for _, v := range args[0].Array() {
		if err := e.visit(n + 1); err != nil {
			return v, err
		}
		if !holds(out[:n], v) {
			out[n] = v
			n++
		}
	}
	return connect.Array(out[:n]), nil
}

func holds(list []connect.Value, v connect.Value) bool {
	for _, e := range list {
		if equal(e, v) {
			return true
		}
	}
	return false
}
