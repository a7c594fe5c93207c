// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"syscall"
	"time"
)

const (
	fileEvents = syscall.IN_MODIFY
	dirEvents  = syscall.IN_CREATE | syscall.IN_MOVED_TO | syscall.IN_MOVED_FROM | syscall.IN_DELETE | syscall.IN_ONLYDIR
	nameEvents = syscall.IN_CREATE | syscall.IN_MOVED_TO | syscall.IN_MOVED_FROM | syscall.IN_DELETE | syscall.IN_Q_OVERFLOW
)

// inotify is the watcher of Linux. If a watch cannot be had, because there are too
// many, it says so once and only sleeps from then on.
type inotify struct {
	sleeper
	f    *os.File
	log  *slog.Logger
	dirs map[string]bool
	lame bool
	buf  [4096]byte
}

func newWatcher(log *slog.Logger) watcher {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		log.Warn("cannot watch files, looking at them again and again", "error", err)
		return sleeper{}
	}
	return &inotify{f: os.NewFile(uintptr(fd), "inotify"), log: log, dirs: make(map[string]bool)}
}

func (w *inotify) reports() bool { return !w.lame }

func (w *inotify) addFile(path string) { w.add(path, fileEvents) }

func (w *inotify) addDir(path string) {
	if w.dirs[path] {
		return
	}
	w.dirs[path] = w.add(path, dirEvents)
}

func (w *inotify) add(path string, events uint32) bool {
	conn, err := w.f.SyscallConn()
	if err == nil {
		ctrl := conn.Control(func(fd uintptr) { _, err = syscall.InotifyAddWatch(int(fd), path, events) })
		if ctrl != nil {
			err = ctrl
		}
	}
	if err == nil || os.IsNotExist(err) {
		return err == nil
	}
	if !w.lame {
		w.lame = true
		w.log.Warn("cannot watch a file, looking at all of them again and again", "file", path, "error", err)
	}
	return false
}

// wait reads the events that have come, and forgets them: the task looks itself.
func (w *inotify) wait(ctx context.Context, pause time.Duration) bool {
	if w.lame {
		return w.sleeper.wait(ctx, pause)
	}
	if err := w.f.SetReadDeadline(time.Now().Add(pause)); err != nil {
		return w.sleeper.wait(ctx, pause)
	}
	stop := context.AfterFunc(ctx, func() { w.f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := w.f.Read(w.buf[:])
	return err == nil && namesChanged(w.buf[:n])
}

// namesChanged looks through events: each has a header, and the name at its end.
func namesChanged(events []byte) bool {
	for len(events) >= syscall.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(events[4:])
		if mask&nameEvents != 0 {
			return true
		}
		size := syscall.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		events = events[min(size, len(events)):]
	}
	return false
}

func (w *inotify) close() error { return w.f.Close() }
