// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// settle is how long an idle daemon is left alone before its memory is read.
const settle = 5 * time.Second

// measureStart: from before exec until GET /health is answered, on an empty directory
// and again on the one that the first start left; then the memory of an idle daemon.
func measureStart(ctx context.Context, s *session) error {
	var fresh, again durations
	for i := range s.starts {
		d := &daemon{dir: filepath.Join(s.dir, fmt.Sprintf("start-%d", i))}
		if err := os.MkdirAll(d.dir, 0o755); err != nil {
			return err
		}
		for _, to := range []*durations{&fresh, &again} {
			if err := d.launch(ctx, s.binary, time.Millisecond); err != nil {
				return err
			}
			*to = append(*to, time.Since(d.began))
			if err := d.stop(); err != nil {
				return err
			}
		}
	}
	s.report.line("start → REST ready, new directory", milliseconds(fresh.quantile(0.5)), spread(fresh)+", aim ≤ 200 ms")
	s.report.line("start → REST ready, second start", milliseconds(again.quantile(0.5)), spread(again))
	d, err := s.start(ctx, "idle")
	if err != nil {
		return err
	}
	pause(ctx, settle)
	s.report.line("memory, no connectors", readMemory(d.process.PID()).String(), "aim ≤ 50 MiB")
	return d.stop()
}

func spread(d durations) string {
	return fmt.Sprintf("median of %d, %s to %s", len(d), milliseconds(d.quantile(0)), milliseconds(d.quantile(1)))
}
