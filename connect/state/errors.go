// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
)

// Why Open refuses; each is found with errors.Is in a RefusedError.
var (
	// ErrOwner says that the changelog belongs to another connector or step.
	ErrOwner = errors.New("the changelog belongs to another owner")
	// ErrSpecVersion says that the state was written under another version of the
	// step: other settings that its stored bytes depend on.
	ErrSpecVersion = errors.New("the state was written under other settings of the step")
	// ErrFormat says that a newer connectd has written the changelog.
	ErrFormat = errors.New("the changelog is in a newer format")
	// ErrMissing says that the connector has committed offsets and no changelog.
	ErrMissing = errors.New("the connector has offsets but its state is missing")
	// ErrShorter says that the changelog ends before the last known commit.
	ErrShorter = errors.New("the changelog is shorter than at the last commit")
	// ErrCorrupt says that the changelog holds what this package does not write.
	ErrCorrupt = errors.New("the changelog is not one of connectd")
)

// ErrClosed is what Committed returns after Close.
var ErrClosed = errors.New("the state is closed")

// RefusedError says which state cannot be used, why, and what to do. Trying again
// does not help.
type RefusedError struct {
	Reason    error // one of the sentinels above
	Step      string
	Topic     string
	Partition int32
	Found     string // what was found; may be empty
	Want      string // what was expected; may be empty
	Hint      string // the next step
}

// Error is one line with all that is known.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("state of step %q refused: %v (changelog %s, partition %d", e.Step, e.Reason, e.Topic, e.Partition)
	if e.Found != "" || e.Want != "" {
		text += fmt.Sprintf("; found %s, expected %s", e.Found, e.Want)
	}
	return text + "): " + e.Hint
}

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Reason }
