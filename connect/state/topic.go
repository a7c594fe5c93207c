// SPDX-License-Identifier: Apache-2.0

package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxTopicName is the longest name that is used as it is. Kafka allows 249 bytes.
const maxTopicName = 200

// TopicName returns the name of a step's changelog: group, connector and the step's
// state name, joined by dashes, with bytes that topics do not allow as _xHH. A name
// over 200 bytes is cut and ends in a hash of the whole.
func TopicName(group, connector, name string) string {
	full := group + "-" + connector + "-" + name + "-changelog"
	var b strings.Builder
	for i := range len(full) {
		c := full[i]
		if allowedInTopic(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_x%02X", c)
		}
	}
	topic := b.String()
	if len(topic) <= maxTopicName {
		return topic
	}
	sum := sha256.Sum256([]byte(full))
	hash := "-" + hex.EncodeToString(sum[:8])
	return topic[:maxTopicName-len(hash)] + hash
}

func allowedInTopic(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == '-'
}

// TopicConfig returns the settings that a changelog topic needs: the newest value of
// a key is kept for ever, small segments so that cleaning has something to do, and
// tombstones that outlive a task which is stopped for a week.
func TopicConfig() map[string]string {
	return map[string]string{
		"cleanup.policy":            "compact",
		"segment.bytes":             "52428800",
		"segment.ms":                "86400000",
		"min.cleanable.dirty.ratio": "0.3",
		"delete.retention.ms":       "604800000",
		"retention.ms":              "-1",
		"retention.bytes":           "-1",
	}
}
