// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/connectd/connectd/connect"
)

// stdinWait is how long the reader waits for input before it looks whether it
// should end.
const stdinWait = 50 * time.Millisecond

// stdinReader reads lines of the standard input. There is no position: what was read
// and not committed when the process ends is lost, as in the original.
type stdinReader struct {
	tail tail
	in   *os.File
	rest []byte // the beginning of a line
	over int64  // bytes of a line that is too long, of which rest holds the first
	ends bool   // the input has ended
	buf  []byte
}

func newStdinReader(set *settings, in *os.File, now func() time.Time) *stdinReader {
	task := &sourceTask{set: *set, now: now}
	return &stdinReader{tail: tail{task: task, path: "standard input"}, in: in, buf: make([]byte, 64<<10)}
}

func stdinPosition() connect.Position {
	null := func(name string) connect.Value {
		return connect.Map([]connect.MapEntry{{Key: connect.String(name)}})
	}
	return connect.Position{Partition: null(filenameField), Offset: null(positionField)}
}

func (r *stdinReader) poll(ctx context.Context, b *connect.Batch) error {
	for ctx.Err() == nil {
		if r.ends && len(r.rest) == 0 {
			<-ctx.Done()
			return nil
		}
		if !r.ends {
			ready, err := readable(r.in, stdinWait)
			if err != nil {
				return fmt.Errorf("wait for standard input: %w", err)
			}
			if !ready {
				continue
			}
			if err := r.fill(); err != nil {
				return err
			}
		}
		if err := r.cut(b); err != nil || len(b.Records) > 0 {
			return err
		}
	}
	return nil
}

// fill reads once behind rest.
func (r *stdinReader) fill() error {
	n, err := r.in.Read(r.buf)
	r.rest = append(r.rest, r.buf[:n]...)
	if errors.Is(err, io.EOF) {
		r.ends = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	return nil
}

// cut makes records of the whole lines in rest, and keeps what is behind them. A
// batch takes all of them: there is no place to come back to.
func (r *stdinReader) cut(b *connect.Batch) error {
	chunk := b.Arena.Copy(r.rest)
	s := newLineScanner(chunk, r.ends)
	ascii, now := isASCII(chunk), r.tail.task.now().UnixMilli()
	for {
		line, end, ok := s.next()
		if !ok {
			break
		}
		if r.over > 0 {
			r.tail.emitOver(b, line, r.over, now)
			r.over = 0
			continue
		}
		if err := r.tail.emit(b, line, end, ascii, now); err != nil {
			return err
		}
	}
	r.rest = append(r.rest[:0], chunk[s.pos:]...)
	if most := r.tail.task.set.maxLine; len(r.rest) > most+1 {
		kept := min(most, keptOfLong)
		r.over += int64(len(r.rest) - kept)
		r.rest = r.rest[:kept]
	}
	return nil
}

// emitOver makes an error record of a line of which over bytes were thrown away.
func (t *tail) emitOver(b *connect.Batch, line []byte, over, now int64) {
	before := t.at
	t.step(0, 0)
	r := t.addRecord(b, line[:min(len(line), keptOfLong)], now)
	r.Err = lineError(t.path, before, line, tooLong(int64(len(line))+over, t.task.set.maxLine))
}
