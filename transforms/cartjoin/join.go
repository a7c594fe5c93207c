// SPDX-License-Identifier: Apache-2.0

package cartjoin

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/stored"
)

// join is the transform. Its fields besides the configuration are scratch memory
// and a cache; the carts are in state alone.
type join struct {
	keyField, typeField, idField string
	orderType, paymentType       string
	keep                         bool

	names   [3]connect.Value // of the output's fields
	key, id []byte
	cart    []byte
	shape   shape
}

var _ connect.Stateful = (*join)(nil)

func newJoin(c connect.Config) *join {
	j := &join{
		keyField: c.String("key.field"), typeField: c.String("type.field"), idField: c.String("id.field"),
		orderType: c.String("order.type"), paymentType: c.String("payment.type"),
		keep: strings.EqualFold(c.String("payment.before.order"), keepPayment),
	}
	for i, name := range j.fields() {
		j.names[i] = connect.String(name)
	}
	return j
}

func (j *join) fields() [3]string {
	return [3]string{j.keyField, "paid_" + j.idField + "s", "unpaid_" + j.idField + "s"}
}

// StateSpec names the encoding of cart.go. The state's key is a field of the value.
func (j *join) StateSpec() connect.StateSpec {
	return connect.StateSpec{Version: fmt.Sprintf("cartjoin/%d key=%s id=%s", version, j.keyField, j.idField)}
}

// event is what a record says.
type event struct {
	user, id connect.Value
	payment  bool
}

// Apply changes the user's cart by one event and emits it.
func (j *join) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	e, err := j.read(r.Value)
	if err != nil {
		return err
	}
	j.key = stored.Append(j.key[:0], plain(e.user))
	j.id = stored.Append(j.id[:0], plain(e.id))
	if err := j.change(c.State, e.payment); err != nil {
		return err
	}
	value, err := j.output(c.Arena, r, e)
	if err != nil {
		return err
	}
	c.State.Put(j.key, j.cart)
	r.Partition = connect.NoPartition // the key is another
	r.Key, r.KeySchema = e.user, nil
	r.Value, r.ValueSchema = value, nil
	if st := value.Struct(); st != nil {
		r.ValueSchema, r.KeySchema = st.Schema, st.Schema.Fields()[0].Schema
	}
	emit(r)
	return nil
}

// change leaves the stored form of the changed cart in j.cart.
func (j *join) change(s connect.State, payment bool) error {
	var c cart
	if old, ok := s.Get(j.key); ok {
		var err error
		if c, err = parse(old); err != nil {
			return err
		}
	}
	var err error
	if payment {
		err = c.payment(j.id, j.keep)
	} else {
		err = c.order(j.id)
	}
	if err != nil {
		return err
	}
	j.cart = c.appendTo(j.cart[:0])
	return nil
}

func (j *join) read(v connect.Value) (event, error) {
	var e event
	if k := v.Kind(); k != connect.KindMap && k != connect.KindStruct {
		return e, refuse("", "the value is %s, not a map or a struct", k)
	}
	var err error
	if e.user, err = scalar(v, j.keyField); err != nil {
		return e, err
	}
	if e.id, err = scalar(v, j.idField); err != nil {
		return e, err
	}
	typ, ok := v.Get(j.typeField)
	switch {
	case !ok:
		return e, refuse(j.typeField, "the field is missing")
	case typ.Kind() == connect.KindString && typ.Str() == j.paymentType:
		e.payment = true
	case typ.Kind() != connect.KindString:
		return e, refuse(j.typeField, "%s is not a type of event: want %q or %q", typ.Kind(), j.orderType, j.paymentType)
	case typ.Str() != j.orderType:
		return e, refuse(j.typeField, "%q is not a type of event: want %q or %q", typ.Str(), j.orderType, j.paymentType)
	}
	return e, nil
}

func scalar(v connect.Value, field string) (connect.Value, error) {
	f, ok := v.Get(field)
	if !ok {
		return f, refuse(field, "the field is missing")
	}
	switch k := f.Kind(); k {
	case connect.KindString, connect.KindBytes, connect.KindDecimal, connect.KindFloat32, connect.KindFloat64:
		return f, nil
	default:
		if f.IsInt() {
			return f, nil
		}
		return f, refuse(field, "%s cannot be an id: want a string or a number", k)
	}
}

func refuse(field, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if field != "" {
		what = "field " + field + ": " + what
	}
	return &connect.DataError{Rule: "cart event", Field: field, Err: fmt.Errorf("join cart: %s", what)}
}

// plain makes integers of all widths one kind, so that a topic whose schema has
// grown wider still meets its carts.
func plain(v connect.Value) connect.Value {
	if v.IsInt() {
		return connect.Int64(v.Int())
	}
	return v
}

// output reads the cart that change has left into a value of the arena: a map, or
// a struct if the input is one.
func (j *join) output(a *connect.Arena, r *connect.Record, e event) (connect.Value, error) {
	c, err := parse(j.cart)
	if err != nil {
		return connect.Value{}, err
	}
	paid, err := c.paid.values(a)
	if err != nil {
		return connect.Value{}, err
	}
	unpaid, err := c.unpaid.values(a)
	if err != nil {
		return connect.Value{}, err
	}
	if st := r.Value.Struct(); st != nil {
		return j.shape.output(a, j, st.Schema, e.user, paid, unpaid)
	}
	entries := a.Entries(3)
	entries[0] = connect.MapEntry{Key: j.names[0], Value: e.user}
	entries[1] = connect.MapEntry{Key: j.names[1], Value: connect.Array(paid)}
	entries[2] = connect.MapEntry{Key: j.names[2], Value: connect.Array(unpaid)}
	return connect.Map(entries), nil
}
