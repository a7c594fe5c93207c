// SPDX-License-Identifier: Apache-2.0

package types

import (
	"math/big"
	"math/bits"
	"sync/atomic"

	"github.com/connectd/connectd/connect"
)

// wide is an unsigned number of 128 bits.
type wide struct{ hi, lo uint64 }

// maxWideDigits is how many decimal digits fit into a wide, with room for a sign.
const maxWideDigits = 38

// shift returns w*10^n + add, for n up to 19.
func (w wide) shift(n int, add uint64) wide {
	hi, lo := bits.Mul64(w.lo, powersOfTen[n])
	hi += w.hi * powersOfTen[n]
	lo, carry := bits.Add64(lo, add, 0)
	return wide{hi: hi + carry, lo: lo}
}

var powersOfTen = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// appendDigits returns w with digits behind it.
func (w wide) appendDigits(digits []byte) wide {
	for len(digits) > 0 {
		n := min(len(digits), 19)
		chunk := uint64(0)
		for _, c := range digits[:n] {
			chunk = chunk*10 + uint64(c-'0')
		}
		w, digits = w.shift(n, chunk), digits[n:]
	}
	return w
}

// appendZeros returns w*10^n.
func (w wide) appendZeros(n int) wide {
	for n > 0 {
		step := min(n, 19)
		w, n = w.shift(step, 0), n-step
	}
	return w
}

// wide returns the digits of n with its fraction padded to scale, if they fit.
func (n number) wide(scale int) (wide, bool) {
	whole := trimLeadingZeros(n.whole)
	if len(n.fraction) > scale || len(whole)+scale > maxWideDigits {
		return wide{}, false
	}
	return wide{}.appendDigits(whole).appendDigits(n.fraction).appendZeros(scale - len(n.fraction)), true
}

func trimLeadingZeros(digits []byte) []byte {
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	return digits
}

// bitsOfADigit is at least what a decimal digit needs.
const bitsOfADigit = 4

// big returns the digits of n as a number with this scale; digits beyond it are rounded
// away from zero at one half, as the server rounds.
func (n number) big(scale int) *big.Int {
	digits := make([]byte, 0, len(n.whole)+scale+1)
	digits = append(digits, n.whole...)
	digits = append(digits, n.fraction[:min(scale, len(n.fraction))]...)
	for range scale - len(n.fraction) {
		digits = append(digits, '0')
	}
	// Without room from the start SetString takes new memory for every few words: hundreds of
	// times the number, if it is as long as the server allows.
	u := new(big.Int).SetBits(make([]big.Word, 0, bitsOfADigit*len(digits)/bitsOfAWord+2))
	if len(digits) > 0 {
		u.SetString(string(digits), 10)
	}
	if len(n.fraction) > scale && n.fraction[scale] >= '5' {
		u.Add(u, big.NewInt(1))
	}
	if n.negative {
		u.Neg(u)
	}
	return u
}

// unscaledBytes are the digits of n as two's complement in the fewest bytes.
func (n number) unscaledBytes(a *connect.Arena) []byte {
	scale := len(n.fraction)
	w, ok := n.wide(scale)
	if !ok {
		return (&connect.Decimal{Unscaled: n.big(scale)}).UnscaledBytes()
	}
	if n.negative {
		lo, borrow := bits.Sub64(0, w.lo, 0)
		hi, _ := bits.Sub64(0, w.hi, borrow)
		w = wide{hi: hi, lo: lo}
	}
	out := a.Bytes(16)
	for i := range 8 {
		out[i] = byte(w.hi >> (56 - 8*i))
		out[8+i] = byte(w.lo >> (56 - 8*i))
	}
	for len(out) > 1 && (out[0] == 0 && out[1] < 0x80 || out[0] == 0xff && out[1] >= 0x80) {
		out = out[1:]
	}
	return out
}

// decimals makes decimals in chunks: an arena holds none, as they hold pointers to
// numbers, and three allocations for each would be most of the cost of a row. It is safe
// for concurrent use.
type decimals struct{ chunk atomic.Pointer[decimalChunk] }

const (
	chunkSize    = 64
	wordsEach    = 128 / bits.UintSize
	bitsOfAWord  = bits.UintSize
	lowWordsMask = 1<<bitsOfAWord - 1
)

type decimalChunk struct {
	used     atomic.Int32
	decimals [chunkSize]connect.Decimal
	ints     [chunkSize]big.Int
	words    [chunkSize * wordsEach]big.Word
}

// make returns n as a decimal of this scale.
func (s *decimals) make(n number, scale int) *connect.Decimal {
	w, ok := n.wide(scale)
	if !ok {
		return &connect.Decimal{Unscaled: n.big(scale), Scale: int32(scale)}
	}
	c, i := s.take()
	words := c.words[i*wordsEach : (i+1)*wordsEach : (i+1)*wordsEach]
	for k := range words {
		part := w.lo
		if k*bitsOfAWord >= 64 {
			part = w.hi
		}
		words[k] = big.Word(part >> (k * bitsOfAWord % 64) & lowWordsMask)
	}
	u := c.ints[i].SetBits(words)
	if n.negative {
		u.Neg(u)
	}
	c.decimals[i] = connect.Decimal{Unscaled: u, Scale: int32(scale)}
	return &c.decimals[i]
}

// take returns a place that nobody else has.
func (s *decimals) take() (*decimalChunk, int) {
	for {
		c := s.chunk.Load()
		if c != nil {
			if i := c.used.Add(1); i <= chunkSize {
				return c, int(i - 1)
			}
		}
		s.chunk.CompareAndSwap(c, new(decimalChunk))
	}
}
