// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// shownBytes is how much of a line an error text quotes.
const shownBytes = 200

// errorClass is what the error topic shows as the class of a decoding error.
const errorClass = "org.apache.kafka.connect.errors.DataException"

// decoder makes values of lines.
type decoder struct {
	format    string
	replace   bool // wrong bytes become U+FFFD
	separator byte
	json      convert.Decoder
}

// decode fills in the record's value. header is the tail's, for CSV.
func (d *decoder) decode(a *connect.Arena, r *connect.Record, line []byte, header []string) error {
	switch d.format {
	case formatJSON:
		v, err := d.json.Decode(a, line)
		r.Value = v
		return err
	case formatCSV:
		v, err := decodeCSV(a, line, d.separator, header)
		r.Value = v
		return err
	default:
		r.ValueSchema, r.Value = connect.StringSchema, connect.StringOf(line)
		return nil
	}
}

// blank reports whether a line holds nothing that could be decoded; for strings an
// empty line is an empty string.
func (d *decoder) blank(line []byte) bool {
	return d.format != formatString && len(bytes.TrimSpace(line)) == 0
}

// text returns the line as UTF-8, or an error that names the first wrong byte.
func (d *decoder) text(a *connect.Arena, line []byte) ([]byte, error) {
	if utf8.Valid(line) {
		return line, nil
	}
	if !d.replace {
		at := validPrefix(line)
		return line, fmt.Errorf("byte 0x%02x at %d of the line is not UTF-8", line[at], at)
	}
	out := a.Bytes(3 * len(line))[:0]
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		out = utf8.AppendRune(out, r)
		line = line[size:]
	}
	return out, nil
}

// validPrefix is the length of the UTF-8 that b begins with.
func validPrefix(b []byte) int {
	at := 0
	for at < len(b) {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return at
}

// lineError names file, line and the beginning of the text.
func lineError(path string, before place, line []byte, err error) error {
	where := fmt.Sprintf("line %d", before.lines+1)
	if before.lines < 0 {
		where = fmt.Sprintf("the line at byte %d", before.bytes)
	}
	more := ""
	if len(line) > shownBytes {
		line, more = line[:shownBytes], "…"
	}
	return &connect.DataError{
		Class: errorClass,
		Err:   fmt.Errorf("read %s, %s: %w: %q%s", path, where, err, line, more),
	}
}
