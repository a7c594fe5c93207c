// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"

	"github.com/connectd/connectd/connect"
)

// structPlan is what can be said of the text of a struct by its schema alone.
type structPlan struct {
	schema *connect.Schema
	fields []fieldPlan
}

// fieldPlan is one field of a struct.
type fieldPlan struct {
	// lead is what stands before the value: the brace or comma, and the name.
	lead   []byte
	schema *connect.Schema
	kind   connect.Kind
	inner  *structPlan // of a struct
}

// mostPlans bounds how many plans are kept; schemas that come anew all the time must not
// take memory for ever.
const mostPlans = 1000

// plan returns the plan of a struct's schema.
func (w *payloadWriter) plan(s *connect.Schema) *structPlan {
	if w.last != nil && w.last.schema == s {
		return w.last
	}
	p := w.plans[s]
	if p == nil {
		p = newStructPlan(s)
		if w.plans == nil || len(w.plans) >= mostPlans {
			w.plans = make(map[*connect.Schema]*structPlan)
		}
		w.plans[s] = p
	}
	w.last = p
	return p
}

func newStructPlan(s *connect.Schema) *structPlan {
	p := &structPlan{schema: s, fields: make([]fieldPlan, len(s.Fields()))}
	opening := byte('{')
	for i, f := range s.Fields() {
		lead := append(appendJSONText([]byte{opening}, f.Name), ':')
		p.fields[i] = fieldPlan{lead: lead, schema: f.Schema, kind: connect.KindOf(f.Schema)}
		if p.fields[i].kind == connect.KindStruct {
			p.fields[i].inner = newStructPlan(f.Schema)
		}
		opening = ','
	}
	return p
}

func (w *payloadWriter) structure(dst []byte, s *connect.Schema, st *connect.Struct) ([]byte, error) {
	return w.planned(dst, w.plan(s), st)
}

func (w *payloadWriter) planned(dst []byte, p *structPlan, st *connect.Struct) ([]byte, error) {
	if !st.Schema.Equal(p.schema) {
		return dst, payloadErrorf("Mismatching schema.")
	}
	if len(p.fields) == 0 {
		return append(dst, "{}"...), nil
	}
	for i := range p.fields {
		f := &p.fields[i]
		dst = append(dst, f.lead...)
		var err error
		if dst, err = w.field(dst, f, st.Values[i]); err != nil {
			return dst, inField(err, p.schema.Fields()[i].Name)
		}
	}
	return append(dst, '}'), nil
}

// field writes the value of a field; usual kinds go the short way.
func (w *payloadWriter) field(dst []byte, f *fieldPlan, v connect.Value) ([]byte, error) {
	kind := v.Kind()
	if kind != f.kind {
		return w.value(dst, f.schema, v)
	}
	switch kind {
	case connect.KindString:
		return appendJSONString(dst, v.Bytes()), nil
	case connect.KindInt8, connect.KindInt16, connect.KindInt32, connect.KindInt64:
		return appendInt(dst, v.Int()), nil
	case connect.KindStruct:
		return w.planned(dst, f.inner, v.Struct())
	}
	return w.value(dst, f.schema, v)
}

const digitPairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869" +
	"707172737475767778798081828384858687888990919293949596979899"

// longestInt is how many characters the longest int64 takes.
const longestInt = 20

// appendInt appends a decimal number, straight to where it belongs: a change has eight
// of up to 19 digits.
func appendInt(dst []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		dst, u = append(dst, '-'), -u
	}
	dst = slices.Grow(dst, longestInt)
	end := len(dst) + digits(u)
	i := end
	out := dst[:end]
	for u >= 100 {
		pair := u % 100 * 2
		u /= 100
		i -= 2
		out[i], out[i+1] = digitPairs[pair], digitPairs[pair+1]
	}
	if u >= 10 {
		out[i-2], out[i-1] = digitPairs[u*2], digitPairs[u*2+1]
		return out
	}
	out[i-1] = '0' + byte(u)
	return out
}

// digits is how many digits a number has.
func digits(u uint64) int {
	n := 1
	for ; u >= 10_000; u /= 10_000 {
		n += 4
	}
	switch {
	case u >= 1000:
		return n + 3
	case u >= 100:
		return n + 2
	case u >= 10:
		return n + 1
	}
	return n
}
