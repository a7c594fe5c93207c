// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/connectd/connectd/connect/backoff"
)

// filePlace is how far a file of signals is worked off: Size bytes, which have the digest
// Sum. A file that does not begin so is another one. The zero place is the beginning.
type filePlace struct {
	Size int64  `json:"size"`
	Sum  string `json:"sum"`
}

// fileChannel reads signals from a file, one in a line. The file stays as it is: where a
// signal is taken out, as the original does, a crash or a writer at the same moment loses it.
// It is for the goroutine of run.
type fileChannel struct {
	path  string
	every time.Duration
	log   *slog.Logger
	out   func(ctx context.Context, a arrival) bool

	// seen is what the file was like when it was last read to its end.
	seen fileState
	// told says that the newest failure is in the log.
	told bool
}

// fileState tells whether a file may have changed.
type fileState struct {
	size     int64
	modified time.Time
}

// run looks at the file now and then until ctx ends.
func (c *fileChannel) run(ctx context.Context, from filePlace) {
	for {
		next, err := c.look(ctx, from)
		if from = next; err != nil && ctx.Err() == nil && !c.told {
			c.log.Warn("signals cannot be read from the file; it is tried again", "file", c.path, "error", err)
		}
		c.told = err != nil
		if !backoff.Wait(ctx, c.every) {
			return
		}
	}
}

// look reads what is new, and returns how far it came. A file that is not there has
// nothing new.
func (c *fileChannel) look(ctx context.Context, from filePlace) (filePlace, error) {
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		c.seen = fileState{}
		return from, nil
	}
	if err != nil {
		return from, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return from, err
	}
	if !info.Mode().IsRegular() {
		return from, fmt.Errorf("it is not a file but %s", info.Mode().Type())
	}
	now := fileState{size: info.Size(), modified: info.ModTime()}
	if now == c.seen {
		return from, nil
	}
	next, err := c.read(ctx, f, from)
	if err == nil {
		c.seen = now
	}
	return next, err
}

// read takes the lines behind a place, or all of a file that is another one. A line without
// an end is left to its writer.
func (c *fileChannel) read(ctx context.Context, f io.ReadSeeker, from filePlace) (filePlace, error) {
	sum, same, err := begins(f, from)
	if err != nil {
		return from, err
	}
	if !same {
		c.log.Info("the file of signals is another one; it is read from its beginning", "file", c.path)
		from = filePlace{}
		sum = sha256.New()
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return from, err
		}
	}
	lines := bufio.NewReaderSize(f, 64<<10)
	for {
		line, n, err := nextLine(lines, sum)
		if errors.Is(err, io.EOF) {
			return from, nil
		}
		if err != nil {
			return from, err
		}
		next := filePlace{Size: from.Size + n, Sum: hex.EncodeToString(sum.Sum(nil))}
		if !c.hand(ctx, line, next) {
			return from, ctx.Err()
		}
		from = next
	}
}

func (c *fileChannel) hand(ctx context.Context, line []byte, next filePlace) bool {
	a := arrival{channel: "file", move: func(p *channelPlaces) { p.File = next }}
	if len(bytes.TrimSpace(line)) == 0 {
		a.nothing = true
		return c.out(ctx, a)
	}
	var err error
	if a.signal, err = decodeSignal(line); err != nil {
		c.log.Warn("a signal is left out", "file", c.path, "end", next.Size, "error", err)
		a.nothing = true
	}
	return c.out(ctx, a)
}

// begins reports whether a file begins with what the place has, and reads that. sum is the
// digest of it.
func begins(f io.Reader, p filePlace) (sum hash.Hash, same bool, err error) {
	sum = sha256.New()
	n, err := io.CopyN(sum, f, p.Size)
	if err != nil && !errors.Is(err, io.EOF) {
		return sum, false, err
	}
	return sum, n == p.Size && (n == 0 || hex.EncodeToString(sum.Sum(nil)) == p.Sum), nil
}

// nextLine reads a line to its end and adds it to the digest. Of one that is too long only
// the beginning is kept, which is still too long for a signal.
func nextLine(r *bufio.Reader, sum hash.Hash) (line []byte, n int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		n += int64(len(part))
		sum.Write(part)
		if room := 2*signalBytes + 1 - len(line); room > 0 {
			line = append(line, part[:min(len(part), room)]...)
		}
		switch {
		case err == nil:
			return line, n, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, 0, err
		}
	}
}
