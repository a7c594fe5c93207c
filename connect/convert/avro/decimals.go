// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"encoding/binary"
	"math/big"
	"math/bits"

	"github.com/connectd/connectd/connect"
)

// decimals makes decimals of up to 64 bits in runs, so that a column of numbers does not
// cost several allocations a record. What was made lives as long as one of its run.
type decimals struct{ run []heldDecimal }

type heldDecimal struct {
	value connect.Decimal
	num   big.Int
	word  [1]big.Word
}

const decimalRun = 128

// make reads two's complement, big endian, as connect.DecimalFromBytes does.
func (d *decimals) make(b []byte, scale int32) *connect.Decimal {
	if len(b) > 8 || bits.UintSize != 64 {
		return connect.DecimalFromBytes(b, scale)
	}
	if len(d.run) == 0 {
		d.run = make([]heldDecimal, decimalRun)
	}
	one := &d.run[0]
	d.run = d.run[1:]
	var wide [8]byte
	if len(b) > 0 && b[0]&0x80 != 0 {
		binary.BigEndian.PutUint64(wide[:], ^uint64(0))
	}
	copy(wide[8-len(b):], b)
	n := int64(binary.BigEndian.Uint64(wide[:]))
	one.num.SetBits(one.word[:0])
	one.num.SetInt64(n)
	one.value = connect.Decimal{Unscaled: &one.num, Scale: scale}
	return &one.value
}

// unscaledLen is the number of bytes of the shortest two's complement of u.
func unscaledLen(u *big.Int) int {
	n := u.BitLen()
	if u.Sign() < 0 && n > 0 && u.TrailingZeroBits() == uint(n-1) {
		n-- // -2^(8k-1) needs no further bit for its sign
	}
	return n/8 + 1
}

// appendUnscaled appends u as two's complement, big endian, in size bytes, which must
// be enough.
func appendUnscaled(dst []byte, u *big.Int, size int) []byte {
	start := len(dst)
	for range size {
		dst = append(dst, 0)
	}
	out := dst[start:]
	u.FillBytes(out)
	if u.Sign() >= 0 {
		return dst
	}
	carry := byte(1)
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = ^out[i] + carry
		if out[i] != 0 {
			carry = 0
		}
	}
	return dst
}
