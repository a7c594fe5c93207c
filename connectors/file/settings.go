// SPDX-License-Identifier: Apache-2.0

package file

import (
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
)

// settings is the decoded configuration of a source task.
type settings struct {
	pattern    string
	topic      string
	batch      int // records a poll, 0 for as many as the engine wants
	maxLine    int
	fromEnd    bool
	rotateWait time.Duration
	interval   time.Duration
	decoder    decoder
}

func readSettings(c connect.Config) settings {
	s := settings{
		pattern:    c.String(fileKey),
		topic:      c.String(topicKey),
		maxLine:    c.Int(maxLineKey),
		fromEnd:    strings.EqualFold(c.String(startKey), "end"),
		rotateWait: c.Millis(rotateWaitKey),
		interval:   c.Millis(intervalKey),
		decoder: decoder{
			format:  strings.ToLower(c.String(formatKey)),
			replace: strings.EqualFold(c.String(invalidKey), "replace"),
		},
	}
	s.decoder.separator, _ = separator(c.String(separatorKey))
	if c.Has(batchSizeKey) {
		s.batch = c.Int(batchSizeKey)
	}
	return s
}
