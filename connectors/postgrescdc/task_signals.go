// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/connectd/connectd/connect"
)

var _ connect.SignalTaker = (*task)(nil)

// channelPlaces is how far the channels of signals are worked off. It is part of the place,
// and not changed after it was made.
type channelPlaces struct {
	Kafka topicPlace `json:"kafka,omitzero"`
	File  filePlace  `json:"file,omitzero"`
	// Direct is how many signals have been given to the task itself.
	Direct int64 `json:"direct,omitempty"`
}

// arrival is a signal that a channel hands to Poll, or only how far the channel is.
type arrival struct {
	channel string
	signal  connect.Signal
	// nothing says that there is no signal.
	nothing bool
	// move notes in a place that the signal has been obeyed.
	move func(p *channelPlaces)
}

// signalsAhead is how many signals of one channel may wait for Poll.
const signalsAhead = 16

// signalDesk is where signals get to Poll that do not come through the stream.
type signalDesk struct {
	// arrived is filled by the goroutines of channels, and ready wakes Poll for what was
	// given directly.
	arrived chan arrival
	ready   chan struct{}
	// open says that Poll takes signals.
	open atomic.Bool

	mu     sync.Mutex
	closed bool
	given  []*givenSignal
	// safeTopic takes places of the topic that are in a committed offset; toldTopic is the
	// newest of them.
	safeTopic chan topicPlace
	toldTopic topicPlace
}

// givenSignal is one that somebody waits for.
type givenSignal struct {
	signal connect.Signal
	// number is what Direct is once it was taken; 0 before.
	number int64
	done   chan error
}

var (
	errTooEarly    = errors.New("signals are taken when the first snapshot is done and the stream runs")
	errTaskStopped = errors.New("the task was stopped before the signal was in a committed offset")
)

// Signal implements connect.SignalTaker.
func (t *task) Signal(ctx context.Context, s connect.Signal) error {
	if _, err := parseSignal(s); err != nil {
		return &connect.SignalError{Reason: err.Error()}
	}
	if !t.desk.open.Load() {
		return connect.Retriable(errTooEarly)
	}
	g := &givenSignal{signal: s, done: make(chan error, 1)}
	if !t.desk.give(g) {
		return errTaskStopped
	}
	select {
	case err := <-g.done:
		return err
	case <-ctx.Done():
		t.desk.takeBack(g)
		return ctx.Err()
	}
}

func (d *signalDesk) give(g *givenSignal) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.given = append(d.given, g)
	signal(d.ready)
	return true
}

func (d *signalDesk) takeBack(g *givenSignal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.given = slices.DeleteFunc(d.given, func(o *givenSignal) bool { return o == g })
}

// fresh returns the signals that were given and not yet taken, which get numbers from n+1.
func (d *signalDesk) fresh(n int64) []connect.Signal {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []connect.Signal
	for _, g := range d.given {
		if g.number == 0 {
			n++
			g.number = n
			out = append(out, g.signal)
		}
	}
	return out
}

// safe answers those whose signals are in a committed offset.
func (d *signalDesk) safe(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.given = slices.DeleteFunc(d.given, func(g *givenSignal) bool {
		done := g.number > 0 && g.number <= n
		if done {
			g.done <- nil
		}
		return done
	})
}

// close ends all that wait.
func (d *signalDesk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, g := range d.given {
		g.done <- errTaskStopped
	}
	d.given = nil
}

// takeSignals obeys what has arrived. Signals are part of the place like rows: what they
// ask for, and how far their channel is, get into one offset.
func (t *task) takeSignals() {
	e := t.emitter
	if e.place.foreign || !t.s.streams() { // the place can be written only when the stream has come to it
		return
	}
	t.desk.open.Store(true)
	for _, s := range t.desk.fresh(e.place.channels.direct()) {
		t.take(arrival{channel: "REST", signal: s, move: func(p *channelPlaces) { p.Direct++ }})
	}
	for {
		select {
		case a := <-t.desk.arrived:
			t.take(a)
		default:
			return
		}
	}
}

func (t *task) take(a arrival) {
	e := t.emitter
	if !a.nothing {
		e.obey(a.channel, a.signal)
		t.owes = true
	}
	next := channelPlaces{}
	if e.place.channels != nil {
		next = *e.place.channels
	}
	a.move(&next)
	e.place.channels = &next
	e.tx.stretch = -1
}

// text is the member of the offset.
func (p *channelPlaces) text() string {
	b, _ := json.Marshal(p) // strings and numbers always have a JSON form
	return string(b)
}

func (p *channelPlaces) direct() int64 {
	if p == nil {
		return 0
	}
	return p.Direct
}

// watchChannels starts the goroutines of the channels. They begin behind what the place has,
// and end with ctx.
func (t *task) watchChannels(ctx context.Context) {
	from := channelPlaces{}
	if p := t.emitter.place.channels; p != nil {
		from = *p
	}
	t.desk.arrived = make(chan arrival, signalsAhead)
	if t.desk.ready == nil {
		t.desk.ready = make(chan struct{}, 1)
	}
	if !t.s.streams() {
		return
	}
	if s := &t.s.Signals; s.Topic != "" {
		c := &topicChannel{s: s, worker: t.worker, prefix: t.s.Topics.Prefix, log: t.log, out: t.desk.hand}
		c.teller = groupTeller{group: s.Group, log: t.log, safe: t.desk.topicPlaces()}
		t.wg.Go(func() { c.run(ctx, from.Kafka) })
	}
	if s := &t.s.Signals; s.File != "" {
		c := &fileChannel{path: s.File, every: s.PollInterval, log: t.log, out: t.desk.hand}
		t.wg.Go(func() { c.run(ctx, from.File) })
	}
}

// hand gives a signal of a channel to Poll, unless ctx ends before there is room.
func (d *signalDesk) hand(ctx context.Context, a arrival) bool {
	select {
	case d.arrived <- a:
		signal(d.ready)
		return true
	case <-ctx.Done():
		return false
	}
}
