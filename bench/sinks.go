// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureSinks: a topic of lines → file, and → standard output, which is a file too.
// What arrives is compared, byte by byte, with what went in.
func measureSinks(ctx context.Context, s *session) (err error) {
	d, err := s.start(ctx, "sinks")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	text := makeLines(s.lines)
	const topic = "lines"
	if err := d.createTopic(ctx, topic); err != nil {
		return err
	}
	if _, err := bareBatches(ctx, d, topic, split(text), largeTransactionSize); err != nil {
		return err
	}
	var toFile, toStdout rates
	for round := range s.rounds {
		path := filepath.Join(s.dir, fmt.Sprintf("sink-%d.txt", round))
		took, err := d.drain(ctx, fmt.Sprintf("to-file-%d", round), path, map[string]string{
			"connector.class": "FileStreamSink", "topics": topic, "file": path,
		}, text)
		if err != nil {
			return fmt.Errorf("file sink: %w", err)
		}
		toFile.add(s.lines, took)
		if err := os.Truncate(d.stdout(), 0); err != nil {
			return err
		}
		took, err = d.drain(ctx, fmt.Sprintf("to-stdout-%d", round), d.stdout(), map[string]string{
			"connector.class": "StdoutSink", "topics": topic, "format": "template", "template": "${value}",
		}, text)
		if err != nil {
			return fmt.Errorf("stdout sink: %w", err)
		}
		toStdout.add(s.lines, took)
	}
	s.report.rate("topic → file", toFile, "records/s", 0, "")
	s.report.rate("topic → stdout (a file)", toStdout, "records/s", 0, "format=template")
	s.report.line("memory after the sinks", readMemory(d.process.PID()).String(), "")
	return nil
}

// drain measures from the POST of a sink until its file is complete.
func (d *daemon) drain(ctx context.Context, name, path string, config map[string]string, want []byte) (took time.Duration, err error) {
	config["key.converter"], config["value.converter"] = stringConverter, stringConverter
	err = d.profiled(ctx, func() error {
		began := time.Now()
		if err := d.post(ctx, name, config); err != nil {
			return err
		}
		if err := d.until(ctx, tick, path+" is complete", func(context.Context) error { return longEnough(path, len(want)) }); err != nil {
			return err
		}
		took = time.Since(began)
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := d.remove(ctx, name); err != nil {
		return 0, err
	}
	got, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(got, want) {
		return 0, fmt.Errorf("%s has %d bytes that differ from the %d of the topic", path, len(got), len(want))
	}
	return took, nil
}

func longEnough(path string, size int) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() < int64(size) {
		return fmt.Errorf("it has %d of %d bytes", info.Size(), size)
	}
	return nil
}
