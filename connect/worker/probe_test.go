// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/topics"
)

func TestAProbeIsAskedWhenAConfigurationIsNew(t *testing.T) {
	s := newSetting(t)
	asked := 0
	s.o.Plugins.Sources[0].Probe = func(_ context.Context, c connect.Config) connect.ConfigErrors {
		asked++
		if c.String("file") != "away" {
			return nil
		}
		text := "no file, and the secret " + c.String("pass") + " was wrong"
		return connect.ConfigErrors{{Key: "file", Value: "away", Text: text}}
	}
	w := s.start(t)
	bad := map[string]string{"connector.class": "test.FakeSourceConnector", "file": "away", "pass": "hunter2"}
	_, err := w.Create(deadline(t), "c", bad, topics.Stopped)
	if status(err) != 400 || !strings.Contains(err.Error(), "no file, and the secret "+connect.Hidden) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("create: %v", err)
	}
	infos, err := w.Validate(deadline(t), "FakeSourceConnector", bad)
	must(t, err)
	if infos.ErrorCount != 1 || len(infos.Errors()) != 1 || strings.Contains(infos.Errors()[0], "hunter2") {
		t.Errorf("validate: %+v", infos.Errors())
	}
	create(t, w, "c", source())
	good := asked
	if _, _, err := w.Put(deadline(t), "c", source()); err != nil || asked != good {
		t.Errorf("an unchanged configuration was probed %d times, %v", asked-good, err)
	}
	away := "away"
	if _, err := w.Patch(deadline(t), "c", map[string]*string{"file": &away}); status(err) != 400 || asked != good+1 {
		t.Errorf("patch: %v after %d probes", err, asked-good)
	}
	if _, _, err := w.Put(deadline(t), "c", source("tasks.max", "2")); err != nil {
		t.Errorf("put: %v", err)
	}
}

func TestKeysBehindAPrefixAreKnown(t *testing.T) {
	s := newSetting(t)
	s.o.Plugins.Sources[0].Prefixes = []string{"column.mask."}
	w := s.start(t)
	infos, err := w.Validate(deadline(t), "FakeSourceConnector", source("column.mask.with.4.chars", "a", "colunm.mask", "b"))
	must(t, err)
	if len(infos.Warnings) != 1 || !strings.Contains(infos.Warnings[0], "colunm.mask") {
		t.Errorf("warnings %q", infos.Warnings)
	}
}
