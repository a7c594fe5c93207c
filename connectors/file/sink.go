// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// sinkTask appends a line for each record.
type sinkTask struct {
	stdout io.Writer
	log    *slog.Logger
	path   string
	f      *os.File // nil for the standard output
	once   bool
	owned  map[connect.TopicPartition]bool
	length int64 // of the file, with exactly.once
	buf    []byte
}

// maxBuffer is how much memory the task keeps for the lines of a batch.
const maxBuffer = 4 << 20

// Start opens the file, and makes it if it is not there.
func (s *sinkTask) Start(_ context.Context, c connect.SinkTaskContext) error {
	s.owned = make(map[connect.TopicPartition]bool)
	s.log, s.path, s.once = c.Log, c.Config.String(fileKey), c.Config.Bool(exactlyOnceKey)
	if s.path == "" {
		return nil
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	s.f = f
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", s.path, err)
	}
	if s.once && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file, %s cannot cut it", s.path, exactlyOnceKey)
	}
	s.length = info.Size()
	return syncDir(s.path)
}

// Open cuts off what was written but not committed, with exactly.once: when the task
// gets its first partitions, or gets some again after it had lost all of them.
func (s *sinkTask) Open(_ context.Context, at []connect.TopicOffset) error {
	first := len(s.owned) == 0
	for _, o := range at {
		s.owned[o.TopicPartition] = true
	}
	if !s.once || !first || len(at) == 0 {
		return nil
	}
	committed, err := s.committed(at)
	if err != nil {
		return err
	}
	if committed > s.length {
		s.log.Warn("file is shorter than it was at the last commit", "file", s.path, "size", s.length, "committed", committed)
		committed = s.length
	}
	if committed < s.length {
		s.log.Info("cutting off what was not committed", "file", s.path, "size", s.length, "committed", committed)
		return s.truncate(committed)
	}
	return nil
}

func (s *sinkTask) truncate(length int64) error {
	if err := s.f.Truncate(length); err != nil {
		return fmt.Errorf("cut %s: %w", s.path, err)
	}
	s.length = length
	return nil
}

// Put writes the lines of the batch at once. What could not be written as a whole is
// taken back, so that the same batch can come again.
func (s *sinkTask) Put(_ context.Context, b *connect.Batch) error {
	s.buf = s.buf[:0]
	for i := range b.Records {
		s.buf = append(convert.AppendText(s.buf, b.Records[i].Value), '\n')
	}
	if len(s.buf) == 0 {
		return nil
	}
	err := s.write(s.buf)
	if cap(s.buf) > maxBuffer {
		s.buf = nil
	}
	return err
}

func (s *sinkTask) write(lines []byte) error {
	if s.f == nil {
		if _, err := s.stdout.Write(lines); err != nil {
			return fmt.Errorf("write standard output: %w", err)
		}
		return nil
	}
	n, err := s.f.Write(lines)
	s.length += int64(n)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write %s: %w", s.path, err)
	if n > 0 {
		if back := s.takeBack(int64(n)); back != nil {
			return errors.Join(err, back)
		}
	}
	return connect.Retriable(err)
}

// takeBack removes the last n bytes, unless another writer has appended since.
func (s *sinkTask) takeBack(n int64) error {
	end, err := s.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if s.once && end != s.length {
		return fmt.Errorf("%s has another writer", s.path)
	}
	if !s.once {
		s.length = end
	}
	return s.truncate(s.length - n)
}

// Flush syncs the file. With exactly.once its length goes along with the offsets.
func (s *sinkTask) Flush(_ context.Context, offsets []connect.TopicOffset) ([]connect.TopicOffset, error) {
	if s.f == nil {
		return offsets, nil
	}
	if err := s.f.Sync(); err != nil && !isPipe(s.f) {
		return nil, fmt.Errorf("sync %s: %w", s.path, err)
	}
	if !s.once {
		return offsets, nil
	}
	out := make([]connect.TopicOffset, len(offsets))
	for i, o := range offsets {
		o.Metadata = lengthMetadata(s.path, s.length)
		out[i] = o
	}
	return out, nil
}

// isPipe reports whether f cannot be synced: a pipe, a terminal, a device.
func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && !info.Mode().IsRegular()
}

// syncDir makes a new file's name durable.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// Close forgets the partitions; all of them share the file.
func (s *sinkTask) Close(_ context.Context, ps []connect.TopicPartition) error {
	for _, p := range ps {
		delete(s.owned, p)
	}
	return nil
}

// Stop closes the file.
func (s *sinkTask) Stop(context.Context) error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

var _ connect.SinkTask = (*sinkTask)(nil)
