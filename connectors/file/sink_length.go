// SPDX-License-Identifier: Apache-2.0

package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// committedLength is the metadata of an offset: how long the file was when the offset
// was committed. Of several partitions the greatest length counts: each commit
// carries all partitions that have moved.
type committedLength struct {
	File   string `json:"connectd_file"`
	Length int64  `json:"connectd_length"`
}

func lengthMetadata(path string, length int64) string {
	text, err := json.Marshal(committedLength{absolute(path), length})
	if err != nil {
		return "" // a struct of a string and a number always has a text
	}
	return string(text)
}

// absolute makes the same name of a path whatever the working directory is.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// committed returns the length of the file at the last commit. Before the first
// commit it is the length with which the file was found, which is kept in a file
// beside it until then.
func (s *sinkTask) committed(at []connect.TopicOffset) (int64, error) {
	length, found := int64(0), false
	for _, o := range at {
		var c committedLength
		if json.Unmarshal([]byte(o.Metadata), &c) == nil && c.File == absolute(s.path) && c.Length >= length {
			length, found = c.Length, true
		}
	}
	if found {
		return length, s.forgetFirst()
	}
	return s.firstLength()
}

// firstPath is the file beside the sink's that holds its first length.
func (s *sinkTask) firstPath() string { return s.path + ".connectd-length" }

func (s *sinkTask) forgetFirst() error {
	if err := os.Remove(s.firstPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove first length: %w", err)
	}
	return nil
}

// firstLength reads the length that the file had before anything was written, or
// keeps the one it has now.
func (s *sinkTask) firstLength() (int64, error) {
	text, err := os.ReadFile(s.firstPath())
	if err == nil {
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("read first length from %s: not a length: %q", s.firstPath(), text)
		}
		return n, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read first length: %w", err)
	}
	return s.length, s.keepFirst()
}

// keepFirst writes the length so that it is there as a whole or not at all.
func (s *sinkTask) keepFirst() error {
	temp := s.firstPath() + ".new"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o666)
	if err != nil {
		return fmt.Errorf("keep first length: %w", err)
	}
	_, err = fmt.Fprintln(f, s.length)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, s.firstPath())
	}
	if err != nil {
		return fmt.Errorf("keep first length: %w", err)
	}
	return syncDir(s.path)
}
