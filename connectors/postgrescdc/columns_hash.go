// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

// hashing is a setting of the family column.mask.hash.
type hashing struct {
	new  func() hash.Hash
	salt string
	v2   bool
}

// algorithms are Java's names of message digests, in upper case. MD2 is left out.
var algorithms = map[string]func() hash.Hash{
	"MD5": md5.New, "SHA": sha1.New, "SHA1": sha1.New, "SHA-1": sha1.New,
	"SHA-224": sha256.New224, "SHA-256": sha256.New, "SHA-384": sha512.New384, "SHA-512": sha512.New,
	"SHA-512/224": sha512.New512_224, "SHA-512/256": sha512.New512_256,
	"SHA3-224": func() hash.Hash { return sha3.New224() }, "SHA3-256": func() hash.Hash { return sha3.New256() },
	"SHA3-384": func() hash.Hash { return sha3.New384() }, "SHA3-512": func() hash.Hash { return sha3.New512() },
}

func newHashing(algorithm, salt string, v2 bool) (*hashing, error) {
	newHash, ok := algorithms[strings.ToUpper(algorithm)]
	if ok {
		return &hashing{new: newHash, salt: salt, v2: v2}, nil
	}
	names := algorithmNames()
	if near := connect.Nearest(algorithm, names); near != "" {
		return nil, fmt.Errorf("there is no algorithm '%s' (did you mean %s?)", algorithm, near)
	}
	return nil, fmt.Errorf("there is no algorithm '%s'; the algorithms are %s", algorithm, strings.Join(names, ", "))
}

func algorithmNames() []string {
	names := make([]string, 0, len(algorithms))
	for name := range algorithms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// mask returns the hexadecimal digest of the salt and the value, cut to the column's
// length if that is positive. Null stays null.
func (h *hashing) mask(length int) func(*connect.Arena, connect.Value) connect.Value {
	digest := h.new()
	sum := make([]byte, 0, digest.Size())
	var head [13]byte
	salt := []byte(h.salt)
	return func(a *connect.Arena, v connect.Value) connect.Value {
		if v.Kind() != connect.KindString {
			return v
		}
		digest.Reset()
		digest.Write(salt)
		text := v.Bytes()
		if !h.v2 {
			text = javaUTF(text)
			digest.Write(javaStringHead(head[:0], len(text)))
		}
		digest.Write(text)
		sum = digest.Sum(sum[:0])
		out := a.Bytes(2 * len(sum))
		hex.Encode(out, sum)
		if length > 0 && length < len(out) {
			out = out[:length]
		}
		return connect.StringOf(out)
	}
}

// javaStringHead appends what Java's ObjectOutputStream writes before the bytes of one
// string: magic, version, the type and the length.
func javaStringHead(b []byte, n int) []byte {
	b = append(b, 0xAC, 0xED, 0x00, 0x05)
	if n <= 0xFFFF {
		return binary.BigEndian.AppendUint16(append(b, 't'), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, '|'), uint64(n))
}

// javaUTF is Java's modified UTF-8: characters beyond the basic plane are two
// surrogates of three bytes each. Postgres has no NUL in text.
func javaUTF(s []byte) []byte {
	if !hasSupplementary(s) {
		return s
	}
	out := make([]byte, 0, len(s)+len(s)/2)
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		if r < 0x10000 {
			out = append(out, s[:size]...)
		} else {
			r -= 0x10000
			out = appendSurrogate(out, 0xD800+r>>10)
			out = appendSurrogate(out, 0xDC00+r&0x3FF)
		}
		s = s[size:]
	}
	return out
}

func appendSurrogate(b []byte, u rune) []byte {
	return append(b, 0xE0|byte(u>>12), 0x80|byte(u>>6)&0x3F, 0x80|byte(u)&0x3F)
}

// hasSupplementary reports whether UTF-8 text has a character of four bytes.
func hasSupplementary(s []byte) bool {
	return slices.ContainsFunc(s, func(b byte) bool { return b >= 0xF0 })
}
