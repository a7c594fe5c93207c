// SPDX-License-Identifier: Apache-2.0

package file

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// world is a writer that appends lines in pieces and rotates its file, and a reader
// that crashes.
type world struct {
	t       *testing.T
	r       *rand.Rand
	path    string
	props   map[string]string
	task    *testTask
	written []string // whole lines, in order
	partial string
	rotated int
	read    []string // lines that were committed
}

// TestNothingIsLostOrReadTwice lets random things happen to a file and its reader;
// in the end every line has been committed once, in order.
func TestNothingIsLostOrReadTwice(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			path, p := props(t, rotateWaitKey, "0")
			w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), path: path, props: p}
			w.append("")
			w.task = startTask(t, p)
			for range 120 {
				w.act()
			}
			w.append("end\n")
			w.finish()
		})
	}
}

func (w *world) act() {
	switch n := w.r.IntN(20); {
	case n < 9:
		w.append(w.piece())
	case n < 15:
		w.poll(w.r.IntN(20) + 1)
	case n < 17:
		w.crash()
	case w.drained():
		w.rotate()
	}
}

// piece is some lines and the beginning of another one.
func (w *world) piece() string {
	var b strings.Builder
	for range w.r.IntN(4) {
		ends := []string{"\n", "\r\n"}
		fmt.Fprintf(&b, "%d %s%s", w.r.Uint32(), strings.Repeat("é", w.r.IntN(40)), ends[w.r.IntN(2)])
	}
	if w.r.IntN(3) == 0 {
		b.WriteString("part ")
	}
	return b.String()
}

func (w *world) append(text string) {
	appendTo(w.t, w.path, text)
	lines := strings.Split(w.partial+text, "\n")
	w.partial = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		w.written = append(w.written, strings.TrimSuffix(line, "\r"))
	}
}

// drained reports whether the name may be given to a new file: an offset of the
// present one is committed, and nothing older is to be read. A reader that is away
// finds one older file, not several, and none of which it has no offset.
func (w *world) drained() bool {
	if len(w.read) < len(w.written) || len(w.task.offsets) == 0 {
		return false
	}
	s, _ := readOffset(w.task.offsets[0])
	info, err := os.Stat(w.path)
	return err == nil && inodeOf(info) == s.id.inode()
}

func (w *world) rotate() {
	w.rotated++
	rename(w.t, w.path, fmt.Sprintf("%s.%d", w.path, w.rotated))
	if w.partial != "" { // the end of the file ends its last line
		w.written = append(w.written, w.partial)
		w.partial = ""
	}
	w.append("")
}

// poll reads up to n records and commits some of them.
func (w *world) poll(n int) {
	b := &connect.Batch{MaxRecords: n, MaxBytes: 1 << 20}
	if err := w.task.look(b, n); err != nil {
		w.t.Fatal(err)
	}
	commit := len(b.Records)
	crash := w.r.IntN(4) == 0
	if crash {
		commit = w.r.IntN(len(b.Records) + 1)
	}
	for i := range commit {
		w.read = append(w.read, strings.Clone(b.Records[i].Value.Str()))
		w.task.commit(w.task.Position(b, i))
	}
	if crash {
		w.crash()
		return
	}
	for _, p := range b.Progress {
		w.task.commit(p)
	}
}

func (w *world) crash() { w.task = w.task.restart(w.props) }

func (w *world) finish() {
	for deadline := time.Now().Add(patience / 4); len(w.read) < len(w.written) && time.Now().Before(deadline); {
		w.poll(100)
	}
	w.task.stop()
	for i, want := range w.written {
		if i >= len(w.read) || w.read[i] != want {
			w.t.Fatalf("line %d of %d is not %q: read %q\n%s", i, len(w.written), want, w.read[min(i, len(w.read)):], w.task.log)
		}
	}
	if len(w.read) > len(w.written) {
		w.t.Errorf("too many lines: %q", w.read[len(w.written):])
	}
}
