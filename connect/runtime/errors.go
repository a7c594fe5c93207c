// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// RecordError is what Run returns when one record could not be processed and
// errors.tolerance is none. Everything before the record has been committed; a new
// task begins at the record. It does not go away by restarting.
type RecordError struct {
	Connector string
	Task      int
	Stage     connect.Stage
	// Class is what ran: the class of the transform, converter or connector.
	Class string
	// Position tells where the record came from: the source partition and offset as
	// JSON, or topic, partition and offset.
	Position string
	// Text is the beginning of the record's raw value, or of its value as JSON.
	Text string
	Err  error
}

// Error is one line that names everything above.
func (e *RecordError) Error() string {
	return fmt.Sprintf("tolerance exceeded in error handler: task %s-%d, stage %s, %s: %v; record at %s: %q",
		e.Connector, e.Task, e.Stage, e.Class, e.Err, e.Position, e.Text)
}

// Unwrap returns the error of the step that failed.
func (e *RecordError) Unwrap() error { return e.Err }

// ErrFenced is wrapped by what Run returns when another task with the same ids has
// taken over: this one must not be restarted by itself.
var ErrFenced = errors.New("fenced by a newer instance of the task")
