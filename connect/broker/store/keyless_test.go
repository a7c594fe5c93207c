// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// keyless is a record of null key and null value.
const keyless = "\x00\x00#\x01\x01\x00"

func TestCompactedTopicsRefuseRecordsWithoutKey(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	keyed, empty := upToHeaders+"\x00", "\x00\x00#\x00\x01\x00"
	const text = "Compacted topic cannot accept message without key in topic partition %s-0"
	for _, policy := range []string{"delete", "compact", "compact,delete"} {
		l := topicOf(t, s, strings.ReplaceAll(policy, ",", "-"), 1, map[string]string{"cleanup.policy": policy})[0]
		for codec := range codecZstd + 1 {
			_, err := l.Append(raw(codec, keyed, empty))
			must(t, err)
			_, before, _ := l.Offsets()
			_, err = l.Append(raw(codec, keyed, keyless, keyed, keyless))
			if policy == "delete" {
				must(t, err)
				continue
			}
			wantCode(t, err, CodeInvalidRecord)
			fault := fmt.Sprintf(text, l.Topic())
			want := []RecordError{{1, fault}, {3, fault}}
			if got := err.(*Error).Records; !slices.Equal(got, want) {
				t.Errorf("%s, codec %d: records %v, want %v", policy, codec, got, want)
			}
			message := "One or more records have been rejected due to 2 record errors in total, and only showing the first three errors at most: " +
				"[RecordError(batchIndex=1, message='" + fault + "'), RecordError(batchIndex=3, message='" + fault + "')]"
			if err.Error() != message {
				t.Errorf("%s, codec %d: error %v", policy, codec, err)
			}
			if _, after, _ := l.Offsets(); after != before {
				t.Errorf("%s, codec %d: a refused batch moved the end from %d to %d", policy, codec, before, after)
			}
		}
	}
}

func TestATopicThatBecomesCompactedRefusesRecordsWithoutKey(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	_, err := l.Append(raw(codecNone, keyless))
	must(t, err)
	compact := map[string]string{"cleanup.policy": "compact"}
	must(t, s.AlterConfigs(context.Background(), "t", compact))
	_, err = l.Append(raw(codecNone, keyless))
	wantCode(t, err, CodeInvalidRecord)
}

// TestErrorsOfRecordsAreBounded keeps the answer about a batch small.
func TestErrorsOfRecordsAreBounded(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, map[string]string{"cleanup.policy": "compact"})[0]
	const count = 50_000
	var records []byte
	for i := range count {
		delta := binary.AppendVarint(nil, int64(i))
		records = append(binary.AppendVarint(records, int64(len(delta)+5)), 0, 0)
		records = append(append(records, delta...), 1, 1, 0)
	}
	_, err := l.Append(rawBatch(codecZstd, count, records))
	wantCode(t, err, CodeInvalidRecord)
	if n := len(err.(*Error).Records); n != maxFaults || !strings.Contains(err.Error(), "due to 50000 record errors") || len(err.Error()) > 1000 {
		t.Errorf("%d records and %d bytes of text: %.200s", n, len(err.Error()), err)
	}
}
