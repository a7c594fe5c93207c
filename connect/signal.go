// SPDX-License-Identifier: Apache-2.0

package connect

import "context"

// Signal asks a running task for something that does not stand in its configuration, such
// as to read tables again.
type Signal struct {
	// ID names the signal in logs; "" for none. Two signals may have the same.
	ID string
	// Type says what is asked for. Each connector has its own.
	Type string
	// Data is a JSON object with the details; "" for none.
	Data string
}

// SignalTaker is implemented by source tasks that take signals while they run. Signal is
// called at any time between Start and Stop, from any goroutine, and beside Poll. It returns
// nil when the signal is part of an offset that Commit was called with: from then on no crash
// loses it. It does not wait until what was asked for is done. A *SignalError says that the
// signal is refused and has no effect; any other error, also the end of ctx, that it is not
// known whether it will have one. Stop ends all calls that wait.
type SignalTaker interface {
	Signal(ctx context.Context, s Signal) error
}

// SignalError refuses a signal: it would be refused again.
type SignalError struct {
	// Reason is what is wrong, in words for the sender.
	Reason string
}

// Error returns the reason.
func (e *SignalError) Error() string { return e.Reason }
