// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"

	"github.com/connectd/connectd/connect"
)

// sourceText says what the text of a type shows.
type sourceText uint8

const (
	byteaText sourceText = iota // bytes in the notation of bytea
	plainText                   // the text itself are the bytes
)

// bytes is the form of bytea, and of types that have no mapping.
func (r resolver) bytes(source sourceText) form {
	d := binaryBytes{source: source, mode: r.modes.Binary}
	t := connect.TypeString
	if d.mode == "bytes" {
		t = connect.TypeBytes
	}
	f := withoutDefaults(scalarForm(t, d, ""))
	f.hasBinary = source == byteaText
	return f
}

// binaryBytes shows bytes by binary.handling.mode.
type binaryBytes struct {
	source sourceText
	mode   string
}

func (d binaryBytes) text(a *connect.Arena, data []byte) (connect.Value, error) {
	if d.source == plainText {
		return d.show(a, a.Copy(data)), nil
	}
	raw, err := decodeBytea(a, data)
	if err != nil {
		return connect.Null(), err
	}
	return d.show(a, raw), nil
}

func (d binaryBytes) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	if d.source == plainText {
		return connect.Null(), errNoBinary
	}
	return d.show(a, a.Copy(data)), nil
}

// show takes raw over.
func (d binaryBytes) show(a *connect.Arena, raw []byte) connect.Value {
	encoding := base64.StdEncoding
	switch d.mode {
	case "bytes":
		return connect.Bytes(raw)
	case "hex":
		out := a.Bytes(hex.EncodedLen(len(raw)))
		hex.Encode(out, raw)
		return connect.StringOf(out)
	case "base64-url-safe":
		encoding = base64.URLEncoding
	}
	out := a.Bytes(encoding.EncodedLen(len(raw)))
	encoding.Encode(out, raw)
	return connect.StringOf(out)
}

const errBytea = malformed("must be bytea as \\x and hexadecimal digits, or in the notation escape")

// decodeBytea reads both notations of bytea: a role may have bytea_output set, and a session
// of someone else's making may show it.
func decodeBytea(a *connect.Arena, data []byte) ([]byte, error) {
	if len(data) < 2 || data[0] != '\\' || data[1] != 'x' {
		return decodeEscape(a, data)
	}
	digits := data[2:]
	if len(digits)%2 != 0 {
		return nil, errBytea
	}
	out := a.Bytes(len(digits) / 2)
	for i := range out {
		high, low := hexValue(digits[2*i]), hexValue(digits[2*i+1])
		if high > 15 || low > 15 {
			return nil, errBytea
		}
		out[i] = high<<4 | low
	}
	return out, nil
}

func decodeEscape(a *connect.Arena, data []byte) ([]byte, error) {
	out := a.Bytes(len(data))[:0]
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			out = append(out, data[i])
			continue
		}
		rest := data[i+1:]
		if len(rest) > 0 && rest[0] == '\\' {
			out, i = append(out, '\\'), i+1
			continue
		}
		if len(rest) < 3 || rest[0] > '3' || !isOctal(rest[0]) || !isOctal(rest[1]) || !isOctal(rest[2]) {
			return nil, errBytea
		}
		out, i = append(out, (rest[0]-'0')<<6|(rest[1]-'0')<<3|(rest[2]-'0')), i+3
	}
	return out, nil
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }

// bit reads bit(1) and varbit(1), which are booleans.
type bit struct{}

func (bit) text(_ *connect.Arena, data []byte) (connect.Value, error) {
	if len(data) == 0 {
		return connect.Bool(false), nil // varbit(1) may be empty
	}
	if len(data) != 1 || data[0] != '0' && data[0] != '1' {
		return connect.Null(), malformed("must be one bit")
	}
	return connect.Bool(data[0] == '1'), nil
}

func (bit) binary(_ *connect.Arena, data []byte) (connect.Value, error) {
	n, packed, err := packedBits(data)
	if err != nil || n > 1 {
		return connect.Null(), errBinary
	}
	return connect.Bool(n == 1 && packed[0]&0x80 != 0), nil
}

// bitSet reads bit strings into a set of bits as Java's BitSet.toByteArray: the last bit of
// the text is bit 0, the bytes begin with the lowest, zero bytes at the end are left out.
type bitSet struct{}

func (bitSet) text(a *connect.Arena, data []byte) (connect.Value, error) {
	out := a.Bytes((len(data) + 7) / 8)
	last := len(data) - 1
	for i, c := range data {
		switch c {
		case '1':
			out[(last-i)/8] |= 1 << ((last - i) % 8)
		case '0':
		default:
			return connect.Null(), malformed("must be bits")
		}
	}
	return connect.Bytes(trimZeros(out)), nil
}

func (bitSet) binary(a *connect.Arena, data []byte) (connect.Value, error) {
	n, packed, err := packedBits(data)
	if err != nil {
		return connect.Null(), err
	}
	out := a.Bytes((n + 7) / 8)
	for i := range n {
		if packed[i/8]&(0x80>>(i%8)) != 0 {
			out[(n-1-i)/8] |= 1 << ((n - 1 - i) % 8)
		}
	}
	return connect.Bytes(trimZeros(out)), nil
}

// packedBits are the number of bits and the bits, first one highest.
func packedBits(data []byte) (int, []byte, error) {
	if len(data) < 4 {
		return 0, nil, errBinary
	}
	n, packed := binary.BigEndian.Uint32(data), data[4:]
	if uint64(len(packed)) != (uint64(n)+7)/8 {
		return 0, nil, errBinary
	}
	return int(n), packed, nil
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
