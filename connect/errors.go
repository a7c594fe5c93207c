// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Stage names the step of the road in which a record failed. The texts are
// those that Kafka Connect writes into __connect.errors.stage.
type Stage string

// The stages of the road, in the order a record meets them.
const (
	StageTaskPoll        Stage = "TASK_POLL"
	StageTransformation  Stage = "TRANSFORMATION"
	StageKeyConverter    Stage = "KEY_CONVERTER"
	StageValueConverter  Stage = "VALUE_CONVERTER"
	StageHeaderConverter Stage = "HEADER_CONVERTER"
	StageKafkaProduce    Stage = "KAFKA_PRODUCE"
	StageKafkaConsume    Stage = "KAFKA_CONSUME"
	StageTaskPut         Stage = "TASK_PUT"
)

// RetriableError marks a failure that may pass by itself: a server that is
// away, a time-out. The engine repeats the operation by errors.retry.* and,
// when that is used up, treats the error as permanent.
type RetriableError struct {
	Err error
	// After is the pause that the failing side asks for; zero leaves it to the engine.
	After time.Duration
}

// Error returns the text of the wrapped error.
func (e *RetriableError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *RetriableError) Unwrap() error { return e.Err }

// Retriable wraps err so that the engine repeats the operation; nil stays nil.
func Retriable(err error) error {
	if err == nil {
		return nil
	}
	return &RetriableError{Err: err}
}

// IsRetriable reports whether err, or an error it wraps, may pass by itself.
func IsRetriable(err error) bool {
	var r *RetriableError
	return errors.As(err, &r)
}

// DataError says that one record cannot be processed as it is: the engine
// sends that record to the error road and goes on or stops by errors.tolerance.
// Every error that a transform, a converter or a source's decoder returns is
// treated so; the type exists to carry the name of the class that the original
// system reports and the rule that was broken.
type DataError struct {
	// Class is what __connect.errors.exception.class.name shows;
	// empty means org.apache.kafka.connect.errors.DataException.
	Class string
	// Rule and Field name what was broken and where; both may be empty.
	Rule, Field string
	// Headers are added to the record on the error topic.
	Headers []Header
	Err     error
}

// Error returns the text of the wrapped error.
func (e *DataError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *DataError) Unwrap() error { return e.Err }

// DataErrorf makes a DataError from a format, as fmt.Errorf does.
func DataErrorf(format string, args ...any) error {
	return &DataError{Err: fmt.Errorf(format, args...)}
}

// ConfigError is one mistake in a configuration: which key, which value, which
// rule, and what would be right.
type ConfigError struct {
	Key   string
	Value string // never a secret: "[hidden]" stands for one
	Rule  string // "must be at least 1"
	Hint  string // the nearest valid name, or the next step; may be empty
	// Text replaces the sentence that is otherwise made of value, key and rule.
	Text string
}

// Error is one line: the value, the key, the rule, the hint.
func (e ConfigError) Error() string {
	var b strings.Builder
	if e.Text != "" {
		b.WriteString(e.Text)
	} else {
		fmt.Fprintf(&b, "Invalid value %s for configuration %s: %s", e.Value, e.Key, e.Rule)
	}
	if e.Hint != "" {
		b.WriteString(" (")
		b.WriteString(e.Hint)
		b.WriteByte(')')
	}
	return b.String()
}

// ConfigErrors are all mistakes of one configuration, in the order of its keys.
type ConfigErrors []ConfigError

// Error lists the mistakes, one a line.
func (es ConfigErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// OrNil returns nil as an error when there is no mistake.
func (es ConfigErrors) OrNil() error {
	if len(es) == 0 {
		return nil
	}
	return es
}
