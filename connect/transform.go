// SPDX-License-Identifier: Apache-2.0

package connect

// Emit passes a record to the next step. It may be called any number of times
// within Apply or OnTimer, and not after. The record may be the input itself,
// changed, or one of the caller's own; it is the next step's as soon as it is
// emitted. What goes wrong further on is the engine's business: a step goes on
// as if all were well, and the engine undoes the whole input record.
type Emit func(*Record)

// Context is what a step may use besides the record. It is valid during the call
// that it was given to.
type Context struct {
	// Arena is where new values come from; they live as long as the batch.
	Arena *Arena
	// State is the step's own state in the record's state partition; nil for
	// steps that declared none.
	State State
	// Late counts records, or parts of records, that came after their window closed.
	Late func(n int)
}

// Transform is one step of a chain. Each task has its own instances, and calls
// them from one goroutine.
type Transform interface {
	// Apply handles one record: emit nothing (the record is dropped, and its offset
	// is done), once, or many times. An error undoes everything that this record has
	// emitted and written to state, in all steps, and sends it to the error road.
	// Apply must depend on the record and the state alone: no clock, no random.
	Apply(c *Context, r *Record, emit Emit) error
}

// Stateful is a Transform that keeps state.
type Stateful interface {
	Transform
	// StateSpec declares the state. It is asked once, before the first record.
	StateSpec() StateSpec
}

// Timed is a Stateful transform that sets timers.
type Timed interface {
	Stateful
	// OnTimer is called for each due timer, in the order of time, then key, when
	// stream time has reached it. What it emits is a unit of its own: if it cannot be
	// processed further on, it goes to the error road and the timer stays done.
	OnTimer(c *Context, at int64, key []byte, emit Emit) error
}

// StateSpec declares the state of a step.
type StateSpec struct {
	// Version names the encoding and all settings that the stored bytes depend on,
	// such as a window's size. State under another version is refused at start with
	// a hint; it is never read as if it were the same.
	Version string
	// Ordered asks for Scan.
	Ordered bool
	// ByRecordKey says that the state's key is made of the record's key alone. A step
	// that is keyed otherwise cannot run on more than one state partition.
	ByRecordKey bool
}

// State is the keyed state of one step in one state partition. Reads see what was
// written before, also by records that are not yet committed; if the record fails,
// its writes are undone. All methods are for the goroutine that called the step.
// A store that fails makes the engine fail the task after the call: the methods
// then return "absent".
type State interface {
	// Get returns the value of a key. The bytes are valid until the end of the call
	// to the step, and must not be changed.
	Get(key []byte) ([]byte, bool)
	// Put sets the value of a key; both are copied.
	Put(key, value []byte)
	// Delete removes a key; removing what is absent is allowed.
	Delete(key []byte)
	// Scan calls fn with each key in [from, to), in byte order, until fn returns
	// false. nil to means "to the end". The step must have declared Ordered, and must
	// not write during the scan.
	Scan(from, to []byte, fn func(key, value []byte) bool)

	// StreamTime is the largest time given to Advance, in milliseconds; math.MinInt64
	// before the first.
	StreamTime() int64
	// Advance raises stream time to ts, if that is later, and fires the timers that
	// are due, before it returns. OnTimer must not call it.
	Advance(ts int64)
	// SetTimer makes OnTimer be called with this time and key once stream time has
	// reached at. The same time and key is one timer. A time that has been reached
	// already is due at the next Advance.
	SetTimer(at int64, key []byte)
	// DeleteTimer removes a timer; removing what is absent is allowed.
	DeleteTimer(at int64, key []byte)
}

// Predicate decides whether a guarded step sees a record.
type Predicate interface {
	// Test must depend on the record alone. An error sends the record to the error road.
	Test(c *Context, r *Record) (bool, error)
}

// Closer is implemented by transforms, predicates and converters that hold
// something; Close is called once, when the task stops.
type Closer interface{ Close() error }
