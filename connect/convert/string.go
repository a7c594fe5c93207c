// SPDX-License-Identifier: Apache-2.0

package convert

import "github.com/connectd/connectd/connect"

const encodingKey = "converter.encoding"

var textKeys = connect.Define(connect.ConfigKey{
	Name: encodingKey, Type: connect.TypeConfigString, Default: "UTF-8", Importance: connect.ImportanceHigh,
	Check: connect.OneOf(charsetNames...),
	Doc:   "The name of the Java character set to use for encoding strings as byte arrays.",
	Width: "MEDIUM", DisplayName: "Encoding",
})

// String is the StringConverter: what Java's toString says, in a character set.
// It is safe for concurrent use.
type String struct{ charset *charset }

// NewString makes a StringConverter of a configuration with converter.encoding.
func NewString(c connect.Config) *String {
	return &String{charset: charsetOf(c.String(encodingKey))}
}

// FromConnect appends the text of v; null has no bytes. See AppendText.
func (c *String) FromConnect(dst []byte, _ string, _ *connect.Schema, v connect.Value) ([]byte, bool, error) {
	switch {
	case v.IsNull():
		return dst, true, nil
	case c.charset == nil:
		return AppendText(dst, v), false, nil
	case v.Kind() == connect.KindBytes:
		return append(dst, v.Bytes()...), false, nil
	default:
		return c.charset.encode(dst, AppendText(nil, v)), false, nil
	}
}

// ToConnect makes an optional string of the bytes; what is not of the character
// set becomes U+FFFD, as in the original. Nil is null.
func (c *String) ToConnect(a *connect.Arena, _ string, data []byte) (*connect.Schema, connect.Value, error) {
	if data == nil {
		return connect.OptionalStringSchema, connect.Value{}, nil
	}
	if c.charset == nil {
		return connect.OptionalStringSchema, connect.StringOf(validText(a, data)), nil
	}
	return connect.OptionalStringSchema, connect.StringOf(c.charset.decode(a, data)), nil
}
