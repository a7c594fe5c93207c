// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// lineLength is without the line feed.
const lineLength = 100

// makeLines returns n lines of text, each with its line feed.
func makeLines(n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz 0123456789,.-"
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 0, n*(lineLength+1))
	for i := range n {
		text = fmt.Appendf(text, "%012d ", i)
		for end := i*(lineLength+1) + lineLength; len(text) < end; {
			text = append(text, letters[r.IntN(len(letters))])
		}
		text = append(text, '\n')
	}
	return text
}

// split returns the lines without their line feeds.
func split(text []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

// measureFile: file → topic, through the daemon and through the bare clients in turn,
// so that each has its share of what else the machine does.
func measureFile(ctx context.Context, s *session) (err error) {
	text := makeLines(s.lines)
	path := filepath.Join(s.dir, "lines.txt")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	values := split(text)
	d, err := s.start(ctx, "file")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	var road, async, bare, large rates
	var transactions int
	var memory string
	for round := range s.rounds {
		name := fmt.Sprintf("lines-%d", round)
		took, txns, err := d.fileToTopic(ctx, name, path, int64(len(text)), s.lines)
		if err != nil {
			return err
		}
		road.add(s.lines, took)
		if round == 0 {
			transactions, memory = txns, readMemory(d.process.PID()).String()
		}
		if err := d.measureClient(ctx, &async, name+"-async", values, func(topic string) (time.Duration, error) {
			return asyncProducer(d, topic, values)
		}); err != nil {
			return fmt.Errorf("AsyncProducer: %w", err)
		}
		if err := d.measureClient(ctx, &bare, name+"-bare", values, func(topic string) (time.Duration, error) {
			return bareBatches(ctx, d, topic, values, transactionSize)
		}); err != nil {
			return fmt.Errorf("bare batches: %w", err)
		}
		if err := d.measureClient(ctx, &large, name+"-large", values, func(topic string) (time.Duration, error) {
			return bareBatches(ctx, d, topic, values, largeTransactionSize)
		}); err != nil {
			return fmt.Errorf("large bare batches: %w", err)
		}
	}
	s.report.rate("file → topic", road, "lines/s", 1_000_000, fmt.Sprintf("%d records a transaction", s.lines/max(transactions, 1)))
	s.report.rate("AsyncProducer, 5000 a transaction", async, "records/s", 0, "")
	s.report.rate("bare batches, 5000 a transaction", bare, "records/s", 0, "")
	s.report.rate("bare batches, 40000 a transaction", large, "records/s", 0, "")
	s.report.ratio("file → topic : AsyncProducer", road, async)
	s.report.ratio("file → topic : bare batches of 5000", road, bare)
	s.report.ratio("file → topic : bare batches of 40000", road, large)
	s.report.line("memory after the first file → topic", memory, "")
	return nil
}

// fileToTopic measures from the POST until the source's offset is committed, which
// happens in the transaction of the last records.
func (d *daemon) fileToTopic(ctx context.Context, name, path string, size int64, n int) (took time.Duration, transactions int, err error) {
	config := map[string]string{
		"connector.class": "FileStreamSource", "file": path, "topic": name,
		"key.converter": stringConverter, "value.converter": stringConverter,
	}
	if took, err = d.feed(ctx, name, config, size, n); err != nil {
		return 0, 0, err
	}
	if transactions, err = d.count(ctx, name, n); err != nil {
		return 0, 0, err
	}
	return took, transactions, d.cluster.DeleteTopic(ctx, name)
}

// feed runs a file source over its file, into the topic of its name, and removes it.
func (d *daemon) feed(ctx context.Context, name string, config map[string]string, size int64, n int) (took time.Duration, err error) {
	if err := d.createTopic(ctx, name); err != nil {
		return 0, err
	}
	err = d.profiled(ctx, func() error {
		began := time.Now()
		if err := d.post(ctx, name, config); err != nil {
			return err
		}
		if err := d.waitEnd(ctx, name, n); err != nil {
			return err
		}
		if err := d.waitPosition(ctx, name, size); err != nil {
			return err
		}
		took = time.Since(began)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return took, d.remove(ctx, name)
}

func (d *daemon) measureClient(ctx context.Context, to *rates, topic string, values [][]byte, write func(string) (time.Duration, error)) error {
	if err := d.createTopic(ctx, topic); err != nil {
		return err
	}
	took, err := write(topic)
	if err != nil {
		return err
	}
	if _, err := d.count(ctx, topic, len(values)); err != nil {
		return err
	}
	to.add(len(values), took)
	return d.cluster.DeleteTopic(ctx, topic)
}
