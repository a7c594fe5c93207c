// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

type props map[string]string

// build makes a transform by its name, as the road does.
func build(name string, p props) (connect.Transform, error) {
	list := connect.Plugins{Transforms: Plugins()}
	plugin := list.Transform(name)
	c, errs := plugin.Config.Parse(p)
	if plugin.Validate != nil {
		errs = append(errs, plugin.Validate(c)...)
	}
	if err := errs.OrNil(); err != nil {
		return nil, err
	}
	return plugin.New(connect.TransformContext{Alias: "step", Config: c})
}

func mustBuild(t testing.TB, name string, p props) connect.Transform {
	t.Helper()
	tr, err := build(name, p)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// rec makes a record of topic in: key and value are JSON.
func rec(t testing.TB, key, value string) connect.Record {
	t.Helper()
	return connect.Record{Topic: "in", Partition: 1, Timestamp: 1000, Key: connecttest.Parse(t, key), Value: connecttest.Parse(t, value)}
}

// line writes what matters of a record: topic, key and value.
func line(r *connect.Record) string {
	return r.Topic + " " + connecttest.Text(r.Key) + " " + connecttest.Text(r.Value)
}

// apply runs one record and writes its outputs, or its error.
func apply(step *connecttest.Step, r connect.Record) string {
	out, err := step.Apply(r)
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	for i := range out {
		lines = append(lines, line(&out[i]))
	}
	return strings.Join(lines, "; ")
}

// mistakes returns what Parse and Validate say of a configuration.
func mistakes(name string, p props) string {
	_, err := build(name, p)
	if err == nil {
		return ""
	}
	return err.Error()
}
