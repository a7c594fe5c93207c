// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// Converter is the AvroConverter: a zero byte, the id of the schema in four bytes, and
// the Avro data. It asks the registry once for each schema; a record costs no more than
// its bytes. It is for one goroutine at a time.
type Converter struct {
	settings
	registry Registry
	now      func() time.Time

	writes   *generations[writeKey, *writing]
	targets  *generations[targetKey, *target]
	reads    *generations[readKey, *reading]
	lastTo   writeKey
	writing  *writing
	lastFrom readKey
	reading  *reading
	cursor   cursor
	out      connect.Value // what is being decoded, so that it need not be allocated
}

const (
	magic      = 0
	headerSize = 5

	// refusalTime is how long a refusal of the registry stands before it is asked again,
	// so that a run of records that it refuses does not become a run of requests.
	refusalTime = 5 * time.Second
)

func newConverter(r Registry, s settings) *Converter {
	return &Converter{
		settings: s, registry: r, now: time.Now,
		writes:  newGenerations[writeKey, *writing](s.cacheSize),
		targets: newGenerations[targetKey, *target](s.latestSize),
		reads:   newGenerations[readKey, *reading](s.cacheSize),
	}
}

// Close closes the registry, if it can be closed.
func (c *Converter) Close() error {
	if closer, ok := c.registry.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// ask gives a question to the registry its time. Running out of it may pass.
func (c *Converter) ask(question func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.registryTime)
	defer cancel()
	err := question(ctx)
	if errors.Is(err, context.DeadlineExceeded) && !connect.IsRetriable(err) {
		return connect.Retriable(err)
	}
	return err
}

// subject is the subject of a schema for a topic.
func (c *Converter) subject(topic string, a *schema.Schema) (string, error) {
	return c.strategy.subject(topic, c.key, a)
}

// validity is how long an answer stands: an error for a while, the latest version for
// its time to live, everything else for ever (the zero time).
func (c *Converter) validity(err error, latest bool) time.Time {
	switch {
	case err != nil:
		return c.now().Add(refusalTime)
	case latest && c.latestTTL >= 0:
		return c.now().Add(c.latestTTL)
	}
	return time.Time{}
}

func (c *Converter) expired(until time.Time) bool { return !until.IsZero() && !c.now().Before(until) }
