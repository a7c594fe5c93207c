// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// restoreBytes is how much of a changelog is gathered before a store takes it over.
const restoreBytes = 4 << 20

// errOtherLog says that a local copy does not belong to the changelog.
var errOtherLog = errors.New("the changelog goes on otherwise than the local copy")

// errFound ends a replay that has found what it looked for.
var errFound = errors.New("found")

// restore brings one table to the end of its changelog.
type restore struct {
	*Table
	step       Step
	log        Changelog
	start, end int64
}

func (r *restore) run(ctx context.Context) error {
	var err error
	r.start, r.end, err = r.log.Bounds(ctx, r.topic, r.partition)
	if err != nil {
		return r.wrap("find the changelog of the", err)
	}
	known, err := r.fromLocal(ctx)
	if err != nil {
		return r.wrap("restore", err)
	}
	if r.store != nil {
		return nil
	}
	return r.fromStart(ctx, known)
}

// fromLocal takes the local copy, if there is one that can be trusted, and reads what
// the changelog has on top. It returns the furthest position that a local copy knows
// of, and leaves the store nil if it cannot be used.
func (r *restore) fromLocal(ctx context.Context) (known position, err error) {
	local, known, err := r.openLocal()
	if errors.Is(err, errNoLocal) {
		return known, nil
	}
	if err == nil {
		err = r.check(known)
	}
	if err == nil {
		err = r.verify(ctx, local.position())
	}
	if err == nil {
		err = r.replay(ctx, local, local.position().last)
	}
	if err == nil && local.position().owner != local.position().incarnation {
		err = fmt.Errorf("%w: whose it is was not read", errLocal)
	}
	if err == nil {
		r.store = local
		return known, nil
	}
	if local != nil {
		err = errors.Join(err, local.close())
	}
	if !errors.Is(err, errOtherLog) && !errors.Is(err, errLocal) {
		return known, err
	}
	r.tables.o.Log.Warn("state is rebuilt from its changelog",
		slog.String("connector", r.tables.o.Connector), slog.String("step", r.step.Alias),
		slog.String("topic", r.topic), slog.Int("partition", int(r.partition)), slog.Any("error", err))
	return known, nil
}

// check says whether a local copy may be used with the changelog as it is.
func (r *restore) check(known position) error {
	switch age := time.Duration(r.tables.now()-known.at) * time.Millisecond; {
	case known.last < r.start:
		return fmt.Errorf("%w: it ends at offset %d, the changelog begins at %d", errLocal, known.last, r.start)
	case known.last >= r.end:
		return fmt.Errorf("%w: it ends at offset %d, the changelog at %d", errLocal, known.last, r.end)
	case age > r.tables.o.MaxAge:
		return fmt.Errorf("%w: it is %v old", errLocal, age.Round(time.Second))
	}
	return nil
}

// verify reads from the local copy's last record up to a head that has all its commits.
// That is this record itself, if its offset was known, or one that replaced it.
func (r *restore) verify(ctx context.Context, p position) error {
	_, err := r.log.Replay(ctx, r.topic, r.partition, p.last, func(_ int64, key, value []byte) error {
		if len(key) != 1 || key[0] != tagHead {
			return nil
		}
		h, err := decodeHead(value)
		switch {
		case err != nil || h.incarnation != p.incarnation:
			return errOtherLog
		case h.commits < p.commits:
			return nil
		}
		return errFound
	})
	if err == nil {
		return errOtherLog
	}
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// fromStart reads the whole changelog into an empty store. If that fails, the local copy
// that was set aside is put back by the next start; one that was not finished goes on
// from where it is, if it knows whose it is by then.
func (r *restore) fromStart(ctx context.Context, known position) (err error) {
	s, err := r.newStore()
	if err != nil {
		return r.wrap("open", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := r.replay(ctx, s, r.start); err != nil {
		return r.wrap("restore", err)
	}
	if err := r.judge(s.position(), known); err != nil {
		return err
	}
	if s.position().owner == 0 {
		if err := r.begin(s); err != nil {
			return r.wrap("begin", err)
		}
	}
	r.store = s
	return r.dropLocal()
}

// judge says whether what was restored can be the connector's state.
func (r *restore) judge(p, known position) error {
	hasOffsets := r.tables.o.HasOffsets(r.partition)
	switch {
	case p.owner == 0 && p.last >= 0:
		return r.refuse(ErrCorrupt, "records without an owner", "", hintOther)
	case p.owner == 0 && hasOffsets && !r.step.AllowEmpty:
		return r.refuse(ErrMissing, "", "", fmt.Sprintf(hintMissing, r.step.Alias))
	case p.owner == 0:
		return nil
	case p.commits == 0 || p.incarnation != p.owner:
		return r.refuse(ErrCorrupt, "records of another beginning", incarnationText(p.owner), hintOther)
	case hasOffsets && p.incarnation == known.incarnation && p.commits < known.commits:
		return r.refuse(ErrShorter, fmt.Sprintf("commit %d", p.commits), fmt.Sprintf("commit %d", known.commits), hintReset)
	}
	return nil
}

// begin draws the number of a changelog that has no records yet.
func (r *restore) begin(s store) error {
	var b [8]byte
	if _, err := io.ReadFull(r.tables.o.Rand, b[:]); err != nil {
		return fmt.Errorf("draw a number: %w", err)
	}
	p := position{head: newHead, last: -1, at: r.tables.now()}
	p.incarnation = max(binary.BigEndian.Uint64(b[:]), 1)
	p.owner = p.incarnation
	return s.apply(newOverlay(false), p)
}

// replay reads the changelog from an offset into a store.
func (r *restore) replay(ctx context.Context, s store, from int64) error {
	l := loader{restore: r, store: s, gathered: newOverlay(false), pos: s.position()}
	if _, err := r.log.Replay(ctx, r.topic, r.partition, from, l.record); err != nil {
		return err
	}
	return l.flush()
}

// loader gathers the records of a changelog for a store.
type loader struct {
	*restore
	store    store
	gathered *overlay
	pos      position
}

func (l *loader) record(offset int64, key, value []byte) error {
	l.tables.crash(CrashDuringRestore)
	if err := checkKey(key); err != nil {
		return l.refuse(err, "", "", hintOther)
	}
	if err := l.take(key, value); err != nil {
		return err
	}
	l.pos.last = offset
	if l.gathered.size < restoreBytes {
		return nil
	}
	return l.flush()
}

func (l *loader) take(key, value []byte) (err error) {
	switch key[0] {
	case tagOwner:
		return l.takeOwner(value)
	case tagHead:
		l.pos.head, err = decodeHead(value)
		if err != nil {
			return l.refuse(err, "", "", hintOther)
		}
		return nil
	}
	v := tombstone
	if value != nil {
		v = l.gathered.newValue(value)
	}
	_, old := l.gathered.write(l.tables.hash(key[0], key[1:]), key[0], key[1:], v)
	l.gathered.freeValue(old)
	return nil
}

func (l *loader) takeOwner(value []byte) error {
	own, err := decodeOwner(value)
	if err != nil {
		return l.refuse(err, "", "", hintOther)
	}
	l.pos.owner, _ = own.incarnation() // decoding has checked it
	return l.checkOwner(own)
}

func (l *loader) flush() error {
	l.pos.at = l.tables.now()
	if err := l.store.apply(l.gathered, l.pos); err != nil {
		return err
	}
	l.gathered.reset()
	return nil
}

func (r *restore) checkOwner(found owner) error {
	want := r.tables.o.owner(r.Table.step)
	if found.Group != want.Group || found.Connector != want.Connector || found.Step != want.Step {
		return r.refuse(ErrOwner, found.name(), want.name(),
			"give the step another state.name, or the worker another group.id")
	}
	if found.Version != want.Version {
		return r.refuse(ErrSpecVersion, fmt.Sprintf("%q", found.Version), fmt.Sprintf("%q", want.Version),
			"put the old settings back, give the step another state.name, or reset the connector's offsets and state")
	}
	return nil
}

func (o owner) name() string {
	return fmt.Sprintf("group %q, connector %q, step %q", o.Group, o.Connector, o.Step)
}

const (
	hintOther = "use another state.name, or remove the topic if nothing needs it"
	// hintMissing is for a step that is new, too.
	hintMissing = hintReset + "; if the step is new, set transforms.%s.state.missing=empty to begin behind the offsets"
	hintReset   = "restore the topic, or reset the connector's offsets and state to begin anew"
)

func (r *restore) refuse(reason error, found, want, hint string) error {
	return &RefusedError{
		Reason: reason, Step: r.step.Alias, Topic: r.topic, Partition: r.partition,
		Found: found, Want: want, Hint: hint,
	}
}
