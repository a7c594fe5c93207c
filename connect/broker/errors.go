// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/connect/broker/store"
)

// code turns an error of the store, of the group coordinator or of a handler
// into the code that a client is told.
func code(err error) int16 {
	if err == nil {
		return 0
	}
	var k *kerr.Error
	if errors.As(err, &k) {
		return k.Code
	}
	var s *store.Error
	if errors.As(err, &s) {
		return int16(s.Code)
	}
	return kerr.UnknownServerError.Code
}

// message is the text that goes with the code, nil without error.
func message(err error) *string {
	if err == nil {
		return nil
	}
	var k *kerr.Error
	if errors.As(err, &k) && err == error(k) {
		return &k.Description
	}
	text := err.Error()
	return &text
}

// fencedCode is code for requests whose versions before since do not know
// PRODUCER_FENCED.
func fencedCode(err error, version, since int16) int16 {
	c := code(err)
	if c == kerr.ProducerFenced.Code && version < since {
		return kerr.InvalidProducerEpoch.Code
	}
	return c
}

// refusal is a protocol error with a text of its own.
type refusal struct {
	kind *kerr.Error
	text string
}

func refuse(kind *kerr.Error, format string, args ...any) error {
	return &refusal{kind: kind, text: fmt.Sprintf(format, args...)}
}

// Error is the text alone.
func (r *refusal) Error() string { return r.text }

// Unwrap gives the protocol error.
func (r *refusal) Unwrap() error { return r.kind }
