// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"math"
	"strconv"
	"unsafe"

	"github.com/connectd/connectd/connect"
)

// maxNumber is how many bytes a number may have, as in the original's parser.
const maxNumber = 1000

// number reads a number; pos is at its sign or first digit. Leading zeros are
// allowed, as in the original.
func (d *Decoder) number() (connect.Value, error) {
	start, i := d.pos, d.pos
	negative := d.data[i] == '-'
	if negative {
		i++
	}
	var n uint64
	first := i
	for ; i < len(d.data) && d.data[i]-'0' <= 9; i++ {
		n = n*10 + uint64(d.data[i]-'0') // may wrap: only used for up to 19 digits
	}
	digits := i - first
	if digits == 0 {
		d.pos = i
		return connect.Value{}, d.unexpected("a digit")
	}
	if i < len(d.data) && (d.data[i] == '.' || d.data[i] == 'e' || d.data[i] == 'E' || isWord(d.data[i])) {
		return d.fraction(start, i)
	}
	d.pos = i
	if digits > 18 && (digits > 19 || n > math.MaxInt64) {
		return d.bigInteger(start, i, negative, n, digits)
	}
	if negative {
		return connect.Int64(-int64(n)), nil
	}
	return connect.Int64(int64(n)), nil
}

// bigInteger handles what may not be an int64.
func (d *Decoder) bigInteger(start, end int, negative bool, n uint64, digits int) (connect.Value, error) {
	if digits == 19 && negative && n == 1<<63 {
		return connect.Int64(math.MinInt64), nil
	}
	if v, err := strconv.ParseInt(alias(d.data[start:end]), 10, 64); err == nil {
		return connect.Int64(v), nil // leading zeros
	}
	return d.decimal(start, end)
}

// fraction reads the rest of a number that is not an integer; its integer part
// ends at i.
func (d *Decoder) fraction(start, i int) (connect.Value, error) {
	if d.data[i] == '.' {
		from := i + 1
		if i = d.digits(from); i == from {
			d.pos = i
			return connect.Value{}, d.unexpected("a digit after the decimal point")
		}
	}
	if i < len(d.data) && (d.data[i] == 'e' || d.data[i] == 'E') {
		i++
		if i < len(d.data) && (d.data[i] == '+' || d.data[i] == '-') {
			i++
		}
		from := i
		if i = d.digits(from); i == from {
			d.pos = i
			return connect.Value{}, d.unexpected("a digit of the exponent")
		}
	}
	d.pos = i
	if i < len(d.data) && isWord(d.data[i]) {
		return connect.Value{}, d.unexpected("the end of the number")
	}
	if d.rawNumbers || i-start > maxNumber {
		return d.decimal(start, i)
	}
	f, err := strconv.ParseFloat(alias(d.data[start:i]), 64)
	if err != nil {
		return d.decimal(start, i) // beyond float64: kept exactly
	}
	if f == 0 {
		f = 0 // there is no negative zero in the original's numbers
	}
	return connect.Float64(f), nil
}

func (d *Decoder) digits(i int) int {
	for i < len(d.data) && d.data[i]-'0' <= 9 {
		i++
	}
	return i
}

// decimal keeps a number exactly, or its text if a schema will decide.
func (d *Decoder) decimal(start, end int) (connect.Value, error) {
	if end-start > maxNumber {
		d.pos = start
		return connect.Value{}, d.fail("a number has more than 1000 characters")
	}
	if d.rawNumbers {
		return connect.Bytes(d.data[start:end]), nil
	}
	dec, err := connect.ParseDecimal(alias(d.data[start:end]))
	if err != nil {
		d.pos = start
		return connect.Value{}, d.fail(err.Error())
	}
	return connect.DecimalValue(dec), nil
}

// alias returns b as a string without copying it; it must not be kept.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
