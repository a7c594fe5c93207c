// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"slices"
	"strings"
	"testing"
)

// TestFieldPath has what Kafka Connect 4.3.1 made of these paths under syntax V2.
func TestFieldPath(t *testing.T) {
	for path, want := range map[string]string{
		"a": "a", "a.b": "a|b", "`a.b`": "a.b", "a.`b.c`": "a|b.c", "`a.b`.c": "a.b|c", "`a\\`.b`": "a`.b", "`a`b`": "a`b", "`a`b`.c": "a`b|c",
		"a`b.c": "a`b|c", "a.": "a|", ".a": "|a", "`a`.": "a|", "`a.b`.`c.d`": "a.b|c.d", "`a\\`.b\\`.c`.d": "a`.b`.c|d", "``": "", "..": "||", "`a`c.b`": "a`c.b",
	} {
		got, err := parseFieldPath(path, "v2")
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: %q, %v; want %s", path, got, err, want)
		}
	}
	for path, at := range map[string]string{"`a.b": "position 0", "`a\\`": "position 0", "a.`b": "position 2", "`a\\\\`.b": "position 0", "`": "position 0"} {
		if got, err := parseFieldPath(path, "V2"); err == nil || !strings.Contains(err.Error(), at) {
			t.Errorf("%s: %q, %v; want an error at %s", path, got, err, at)
		}
	}
	if got, err := parseFieldPath("`a.b", "V1"); err != nil || !slices.Equal(got, fieldPath{"`a.b"}) {
		t.Errorf("V1: %q, %v", got, err)
	}
}
