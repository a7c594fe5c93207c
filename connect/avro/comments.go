// SPDX-License-Identifier: Apache-2.0

package avro

// blankComments replaces comments outside strings by spaces: Java's parser passes them
// over, so schema files have them. Places in errors stay what they were.
func blankComments(text string) []byte {
	b := []byte(text)
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '"':
			i = stringEnd(b, i)
		case b[i] == '/' && i+1 < len(b) && (b[i+1] == '*' || b[i+1] == '/'):
			i = blankComment(b, i)
		}
	}
	return b
}

// stringEnd returns the place of the quote that ends the string which begins at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// blankComment blanks the comment at i and returns its last place. One that does not end
// is left for the parser to refuse.
func blankComment(b []byte, i int) int {
	end := i
	if b[i+1] == '/' {
		for end < len(b) && b[end] != '\n' {
			end++
		}
	} else {
		for end = i + 3; end < len(b) && (b[end-1] != '*' || b[end] != '/'); end++ {
		}
		if end++; end > len(b) {
			return len(b)
		}
	}
	for j := i; j < end; j++ {
		b[j] = ' '
	}
	return end - 1
}
