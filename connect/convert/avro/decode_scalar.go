// SPDX-License-Identifier: Apache-2.0

package avro

import "github.com/connectd/connectd/connect"

// decoder is one step of a plan: it reads one datum of the writer's schema and stores
// the value that the reader sees. Steps are immutable and shared.
type decoder interface {
	decode(c *cursor, out *connect.Value) error
}

type nullStep struct{}

func (nullStep) decode(_ *cursor, out *connect.Value) error {
	*out = connect.Null()
	return nil
}

// refusal stands for a branch of the writer's union that the reader has no place for:
// only a message that holds it is an error.
type refusal struct{ rule string }

func (s refusal) decode(c *cursor, _ *connect.Value) error { return c.fail("%s", s.rule) }

type boolStep struct{}

func (boolStep) decode(c *cursor, out *connect.Value) error {
	b, err := c.bool()
	*out = connect.Bool(b)
	return err
}

type int32Step struct{}

func (int32Step) decode(c *cursor, out *connect.Value) error {
	n, err := c.int()
	*out = connect.Int32(n)
	return err
}

type int64Step struct{}

func (int64Step) decode(c *cursor, out *connect.Value) error {
	n, err := c.long()
	*out = connect.Int64(n)
	return err
}

type timestampStep struct{}

func (timestampStep) decode(c *cursor, out *connect.Value) error {
	n, err := c.long()
	*out = connect.Timestamp(n)
	return err
}

// intStep reads an int of the kinds that are rarer.
type intStep struct{ kind connect.Kind }

func (s intStep) decode(c *cursor, out *connect.Value) error {
	n, err := c.int()
	if err != nil {
		return err
	}
	switch s.kind {
	case connect.KindDate:
		*out = connect.Date(n)
	case connect.KindTime:
		*out = connect.Time(n)
	case connect.KindInt8:
		if n != int32(int8(n)) {
			return c.fail("%d is beyond the range of INT8", n)
		}
		*out = connect.Int8(int8(n))
	default:
		if n != int32(int16(n)) {
			return c.fail("%d is beyond the range of INT16", n)
		}
		*out = connect.Int16(int16(n))
	}
	return nil
}

type floatStep struct{}

func (floatStep) decode(c *cursor, out *connect.Value) error {
	f, err := c.float()
	*out = connect.Float32(f)
	return err
}

type doubleStep struct{}

func (doubleStep) decode(c *cursor, out *connect.Value) error {
	f, err := c.double()
	*out = connect.Float64(f)
	return err
}

// floatAsDouble promotes float to double.
type floatAsDouble struct{}

func (floatAsDouble) decode(c *cursor, out *connect.Value) error {
	f, err := c.float()
	*out = connect.Float64(float64(f))
	return err
}

// longAsFloat promotes int and long to float or double.
type longAsFloat struct{ double bool }

func (s longAsFloat) decode(c *cursor, out *connect.Value) error {
	n, err := c.long()
	if s.double {
		*out = connect.Float64(float64(n))
	} else {
		*out = connect.Float32(float32(n))
	}
	return err
}

type stringStep struct{}

func (stringStep) decode(c *cursor, out *connect.Value) error {
	b, err := c.bytes("a string")
	*out = connect.StringOf(b)
	return err
}

type bytesStep struct{}

func (bytesStep) decode(c *cursor, out *connect.Value) error {
	b, err := c.bytes("bytes")
	*out = connect.Bytes(b)
	return err
}

// rest takes the rest of the message as bytes or as a string: the original writes
// bytes at the top of a message without their length.
type rest struct{ kind connect.Kind }

func (s rest) decode(c *cursor, out *connect.Value) error {
	b, err := c.fixed(c.left(), "bytes")
	if s.kind == connect.KindString {
		*out = connect.StringOf(b)
	} else {
		*out = connect.Bytes(b)
	}
	return err
}

type fixedStep struct{ size int }

func (s fixedStep) decode(c *cursor, out *connect.Value) error {
	b, err := c.fixed(s.size, "a fixed")
	*out = connect.Bytes(b)
	return err
}

// decimalStep makes decimals of what another step reads as bytes.
type decimalStep struct {
	bytes decoder
	scale int32
}

const (
	maxDecimal  = 1 << 16 // bytes: more digits than anything that counts
	decimalSize = 96      // memory of a decimal beside its digits
)

func (s decimalStep) decode(c *cursor, out *connect.Value) error {
	if err := s.bytes.decode(c, out); err != nil {
		return err
	}
	b := out.Bytes()
	if len(b) > maxDecimal {
		return c.fail("a decimal of %d bytes, at most %d", len(b), maxDecimal)
	}
	if err := c.charge(decimalSize+len(b), 1); err != nil {
		return err
	}
	*out = connect.DecimalValue(c.numbers.make(b, s.scale))
	return nil
}

// enumStep reads the number of a symbol. Symbols that the reader does not know are
// null values.
type enumStep struct {
	symbols []connect.Value
	names   []string
}

func (s *enumStep) decode(c *cursor, out *connect.Value) error {
	n, err := c.long()
	if err != nil {
		return err
	}
	if n < 0 || n >= int64(len(s.symbols)) {
		return c.fail("symbol %d of an enum with %d", n, len(s.symbols))
	}
	*out = s.symbols[n]
	if out.IsNull() {
		return c.fail("the reader's enum has no symbol %s and no default", s.names[n])
	}
	return nil
}
