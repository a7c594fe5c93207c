// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"strconv"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// scalar compiles everything that is neither union nor nested.
func (p *planner) scalar(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	if w.Type != r.Type && !schema.Promotes(w.Type, r.Type) {
		return nil, cannot(path, "%s cannot be read as %s", typeName(w), typeName(r))
	}
	if rule := otherMeaning(w, r); rule != "" {
		return nil, cannot(path, "%s", rule)
	}
	var step decoder
	switch r.Type {
	case schema.Null:
		step = nullStep{}
	case schema.Boolean:
		step = accept(boolStep{}, to, connect.KindBool)
	case schema.Int, schema.Long:
		step = wholeStep(w, r, to)
	case schema.Float, schema.Double:
		step = floatingStep(w, r, to)
	case schema.Bytes, schema.String:
		step = p.text(r, to)
	case schema.Fixed:
		if w.Size != r.Size || w.Name != r.Name && !sameName(w, r) {
			return nil, cannot(path, "%s of %d bytes cannot be read as %s of %d", typeName(w), w.Size, typeName(r), r.Size)
		}
		step = fixed(r, to)
	case schema.Enum:
		return p.enum(w, r, to, path)
	}
	if step == nil {
		return nil, cannot(path, "%s is not read as %s", typeName(r), to)
	}
	return step, nil
}

// accept returns the step if values of its kind are what is wanted, else nil.
func accept(step decoder, to *connect.Schema, kind connect.Kind) decoder {
	if to == nil || connect.KindOf(to) == kind {
		return step
	}
	return nil
}

// otherMeaning is the rule that two logical types break which would read the same
// numbers as something else; "" if they agree or one of them is none.
func otherMeaning(w, r *schema.Schema) string {
	a, okA := w.Logical()
	b, okB := r.Logical()
	if !okA || !okB {
		return ""
	}
	if a != b {
		return "logical type " + a + " cannot be read as " + b
	}
	if a != "decimal" {
		return ""
	}
	_, from, _ := w.Decimal()
	_, to, _ := r.Decimal()
	if from != to {
		return "a decimal of scale " + strconv.Itoa(from) + " cannot be read as one of scale " + strconv.Itoa(to)
	}
	return ""
}

func wholeStep(w, r *schema.Schema, to *connect.Schema) decoder {
	if r.Type == schema.Long {
		if to != nil && connect.KindOf(to) == connect.KindTimestamp {
			return timestampStep{}
		}
		if w.Type == schema.Int {
			return accept(intAsLong{}, to, connect.KindInt64)
		}
		return accept(int64Step{}, to, connect.KindInt64)
	}
	if to == nil {
		return int32Step{}
	}
	switch kind := connect.KindOf(to); kind {
	case connect.KindInt32:
		return int32Step{}
	case connect.KindInt8, connect.KindInt16, connect.KindDate, connect.KindTime:
		return intStep{kind}
	}
	return nil
}

// intAsLong promotes int to long.
type intAsLong struct{}

func (intAsLong) decode(c *cursor, out *connect.Value) error {
	n, err := c.int()
	*out = connect.Int64(int64(n))
	return err
}

func floatingStep(w, r *schema.Schema, to *connect.Schema) decoder {
	double := r.Type == schema.Double
	kind := connect.KindFloat32
	if double {
		kind = connect.KindFloat64
	}
	var step decoder
	switch {
	case w.Type == schema.Int || w.Type == schema.Long:
		step = longAsFloat{double}
	case !double:
		step = floatStep{}
	case w.Type == schema.Float:
		step = floatAsDouble{}
	default:
		step = doubleStep{}
	}
	return accept(step, to, kind)
}

// text compiles strings and bytes, which are written alike.
func (p *planner) text(r *schema.Schema, to *connect.Schema) decoder {
	kind := connect.KindBytes
	var step decoder = bytesStep{}
	if r.Type == schema.String {
		kind, step = connect.KindString, stringStep{}
	}
	if p.whole {
		step = rest{kind}
	}
	if kind == connect.KindBytes && to != nil && connect.KindOf(to) == connect.KindDecimal {
		return decimal(step, to)
	}
	return accept(step, to, kind)
}

func decimal(bytes decoder, to *connect.Schema) decoder {
	_, scale, err := decimalParams(to)
	if err != nil {
		return nil
	}
	return &decimalStep{bytes: bytes, scale: int32(scale)}
}

func fixed(r *schema.Schema, to *connect.Schema) decoder {
	step := fixedStep{r.Size}
	if to == nil {
		return step
	}
	if connect.KindOf(to) == connect.KindDecimal {
		return decimal(step, to)
	}
	return accept(step, to, connect.KindBytes)
}

func (p *planner) enum(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	if w.Name != r.Name && !sameName(w, r) {
		return nil, cannot(path, "%s cannot be read as %s", typeName(w), typeName(r))
	}
	if to != nil && connect.KindOf(to) != connect.KindString {
		return nil, cannot(path, "%s is not read as %s", typeName(r), to)
	}
	s := &enumStep{names: w.Symbols, symbols: make([]connect.Value, len(w.Symbols))}
	known := make(map[string]bool, len(r.Symbols))
	for _, symbol := range r.Symbols {
		known[symbol] = true
	}
	readable := 0
	for i, symbol := range w.Symbols {
		switch {
		case known[symbol]:
			s.symbols[i] = connect.String(symbol)
		case r.Default != nil:
			s.symbols[i] = connect.String(r.Default.Text)
		default:
			continue
		}
		readable++
	}
	if readable == 0 && len(w.Symbols) > 0 {
		return nil, cannot(path, "the reader's %s has none of the writer's symbols, and no default", typeName(r))
	}
	return s, nil
}
