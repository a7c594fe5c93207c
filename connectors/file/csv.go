// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
)

var (
	errOpenQuote  = errors.New("a quoted field does not end in its line")
	errAfterQuote = errors.New("text follows a quoted field")
)

// decodeCSV makes a map of a line: the header's names, in order, with strings.
func decodeCSV(a *connect.Arena, line []byte, sep byte, header []string) (connect.Value, error) {
	entries := a.Entries(len(header))
	n := 0
	for more := true; more; n++ {
		var field []byte
		var err error
		if field, line, more, err = csvField(a, line, sep); err != nil {
			return connect.Value{}, err
		}
		if n < len(header) {
			entries[n] = connect.MapEntry{Key: connect.String(header[n]), Value: connect.StringOf(field)}
		}
	}
	if n != len(header) {
		return connect.Value{}, fmt.Errorf("the line has %d fields, the header %d", n, len(header))
	}
	return connect.Map(entries), nil
}

// csvField takes the first field off a line; more says that another one follows. In
// quotes, separators are text and two quotes are one.
func csvField(a *connect.Arena, line []byte, sep byte) (field, rest []byte, more bool, err error) {
	if len(line) == 0 || line[0] != '"' {
		at := bytes.IndexByte(line, sep)
		if at < 0 {
			return line, nil, false, nil
		}
		return line[:at:at], line[at+1:], true, nil
	}
	inner := line[1:]
	end, doubled := 0, false
	for {
		i := bytes.IndexByte(inner[end:], '"')
		if i < 0 {
			return nil, nil, false, errOpenQuote
		}
		end += i
		if end+1 < len(inner) && inner[end+1] == '"' {
			end, doubled = end+2, true
			continue
		}
		break
	}
	field, rest = inner[:end:end], inner[end+1:]
	if doubled {
		field = undouble(a, field)
	}
	switch {
	case len(rest) == 0:
		return field, nil, false, nil
	case rest[0] != sep:
		return nil, nil, false, errAfterQuote
	}
	return field, rest[1:], true, nil
}

func undouble(a *connect.Arena, field []byte) []byte {
	out := a.Bytes(len(field))[:0]
	for i := 0; i < len(field); i++ {
		out = append(out, field[i])
		if field[i] == '"' {
			i++
		}
	}
	return out[:len(out):len(out)]
}

// parseHeader reads the names of the fields; each must be there once. A byte order
// mark before the first is no part of it.
func parseHeader(line []byte, sep byte) ([]string, error) {
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	var a connect.Arena
	var header []string
	seen := make(map[string]bool)
	for more := true; more; {
		var field []byte
		var err error
		if field, line, more, err = csvField(&a, line, sep); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		name := string(field)
		if seen[name] {
			return nil, fmt.Errorf("header: the field %q is there twice", name)
		}
		seen[name] = true
		header = append(header, name)
	}
	return header, nil
}
