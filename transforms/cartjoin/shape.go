// SPDX-License-Identifier: Apache-2.0

package cartjoin

import (
	"fmt"
	"math"

	"github.com/connectd/connectd/connect"
)

// schemaName is the name of the output's schema, when the input has one.
const schemaName = "connectd.Cart"

// shape is the output schema that belongs to an input schema, kept for the next
// record.
type shape struct {
	in, out *connect.Schema
	id      connect.Kind
}

// output makes a struct of a cart.
func (s *shape) output(a *connect.Arena, j *join, in *connect.Schema, user connect.Value, paid, unpaid []connect.Value) (connect.Value, error) {
	if in != s.in {
		if err := s.build(in, j); err != nil {
			return connect.Value{}, err
		}
	}
	for _, list := range [][]connect.Value{paid, unpaid} {
		if err := s.narrow(list); err != nil {
			return connect.Value{}, err
		}
	}
	st := a.Struct(s.out)
	st.Values[0], st.Values[1], st.Values[2] = user, connect.Array(paid), connect.Array(unpaid)
	return connect.StructValue(st), nil
}

func (s *shape) build(in *connect.Schema, j *join) error {
	names := j.fields()
	user, id := in.Field(j.keyField).Schema, in.Field(j.idField).Schema
	out, err := connect.NewStruct(schemaName).
		Field(names[0], user).
		Field(names[1], connect.NewArray(id).MustBuild()).
		Field(names[2], connect.NewArray(id).MustBuild()).
		Build()
	if err != nil {
		return fmt.Errorf("join cart: %w", err)
	}
	s.in, s.out, s.id = in, out, connect.KindOf(id)
	return nil
}

// narrow gives integers the width of the schema again. Ids of another kind are
// there when the schema's type has changed since they were stored.
func (s *shape) narrow(list []connect.Value) error {
	for i, v := range list {
		switch {
		case v.Kind() == s.id:
		case v.IsInt() && fits(v.Int(), s.id):
			list[i] = ofKind(v.Int(), s.id)
		default:
			return connect.DataErrorf("join cart: a stored id is %s, which the schema's %s does not hold", v.Kind(), s.id)
		}
	}
	return nil
}

func fits(n int64, k connect.Kind) bool {
	switch k {
	case connect.KindInt8:
		return n == int64(int8(n))
	case connect.KindInt16:
		return n == int64(int16(n))
	case connect.KindInt32:
		return n >= math.MinInt32 && n <= math.MaxInt32
	default:
		return false
	}
}

func ofKind(n int64, k connect.Kind) connect.Value {
	switch k {
	case connect.KindInt8:
		return connect.Int8(int8(n))
	case connect.KindInt16:
		return connect.Int16(int16(n))
	default:
		return connect.Int32(int32(n))
	}
}
