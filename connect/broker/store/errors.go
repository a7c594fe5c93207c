// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
)

// Code is an error code of the Kafka protocol.
type Code int16

// The codes that the store's errors carry.
const (
	CodeUnknown                Code = -1
	CodeOffsetOutOfRange       Code = 1
	CodeCorruptMessage         Code = 2
	CodeUnknownTopicOrPart     Code = 3
	CodeMessageTooLarge        Code = 10
	CodeOffsetMetadataTooLarge Code = 12
	CodeInvalidTopic           Code = 17
	CodeTopicAlreadyExists     Code = 36
	CodeInvalidPartitions      Code = 37
	CodeInvalidConfig          Code = 40
	CodeUnsupportedForFormat   Code = 43
	CodePolicyViolation        Code = 44
	CodeOutOfOrderSequence     Code = 45
	CodeInvalidProducerEpoch   Code = 47
	CodeInvalidTxnState        Code = 48
	CodeInvalidProducerID      Code = 49
	CodeInvalidTxnTimeout      Code = 50
	CodeConcurrentTransactions Code = 51
	CodeStorage                Code = 56
	CodeGroupIDNotFound        Code = 69
	CodeInvalidRecord          Code = 87
	CodeProducerFenced         Code = 90
	CodeUnknownTopicID         Code = 100
	CodeTransactionalIDUnknown Code = 105
)

// Error is an error that a client can be told: Code is its protocol code.
// For requests older than KIP-588 the server translates CodeProducerFenced to
// CodeInvalidProducerEpoch.
type Error struct {
	Code Code
	Err  error
	// Records are the records of a batch that the error is about, if it is about some
	// only, in order, and no more than 1024 of them.
	Records []RecordError
}

// RecordError says what is wrong with one record of a batch.
type RecordError struct {
	// Index is the record's place in its batch, from 0.
	Index int32
	Text  string
}

// Error returns the text of the wrapped error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the protocol code of err: 0 for nil, CodeUnknown for an error
// that carries none.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeUnknown
}

func errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// ErrClosed is returned by every call after Close.
var ErrClosed = errors.New("the store is closed")

// DamageError says that the log on disk is not what was written: not an
// unfinished write at its end, which is repaired silently, but damage to data
// that had reached stable storage. The store does not open.
type DamageError struct {
	// File is the path of the damaged or missing file.
	File string
	// Offset is the place in File in bytes, -1 when the whole file is meant.
	Offset int64
	// Reason says what was expected and what was found.
	Reason string
}

// Error names the file, the place and the reason.
func (e *DamageError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("broker log damaged: %s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("broker log damaged: %s at byte %d: %s", e.File, e.Offset, e.Reason)
}

// InUseError says that another process has the directory open.
type InUseError struct {
	Dir string
	// PID is the other process, 0 when it is not known.
	PID int
}

// Error names the directory and the process.
func (e *InUseError) Error() string {
	return fmt.Sprintf("lock broker directory %s: in use by process %d", e.Dir, e.PID)
}
