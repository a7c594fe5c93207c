// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ConnectorFile is a connector that is given as a file.
type ConnectorFile struct {
	Path   string
	Name   string
	Config map[string]string
	// InitialState is RUNNING, PAUSED or STOPPED; "" counts as RUNNING.
	InitialState string
}

// ReadConnector reads a connector file: Java's properties form, the bare
// configuration as JSON, or the body of POST /connectors. The name comes from the
// body or from the key "name".
func ReadConnector(path string) (ConnectorFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return ConnectorFile{}, fmt.Errorf("read connector: %w", err)
	}
	c := ConnectorFile{Path: path}
	if strings.ToLower(filepath.Ext(path)) == ".json" {
		err = c.fromJSON(text)
	} else {
		c.Config, err = ParseProperties(string(text))
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if c.Name == "" {
		c.Name = c.Config["name"]
	}
	if c.Name == "" {
		return c, fmt.Errorf("%s: the connector has no name: set \"name\"", path)
	}
	if n, ok := c.Config["name"]; ok && n != c.Name {
		return c, fmt.Errorf("%s: name is %q, but the configuration says %q", path, c.Name, n)
	}
	c.Config["name"] = c.Name
	return c, nil
}

func (c *ConnectorFile) fromJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	body, isRequest := members["config"]
	if !isRequest || bytes.HasPrefix(bytes.TrimSpace(body), []byte(`"`)) {
		return c.setConfig(text)
	}
	var request struct {
		Name         string          `json:"name"`
		Config       json.RawMessage `json:"config"`
		InitialState string          `json:"initial_state"`
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&request); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	c.Name, c.InitialState = request.Name, request.InitialState
	return c.setConfig(request.Config)
}

// setConfig accepts strings, numbers and booleans as values, as REST does.
func (c *ConnectorFile) setConfig(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	c.Config = make(map[string]string, len(members))
	for k, raw := range members {
		raw = bytes.TrimSpace(raw)
		switch raw[0] {
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return fmt.Errorf("read JSON: %s: %w", k, err)
			}
			c.Config[k] = s
		case '{', '[', 'n':
			return fmt.Errorf("read JSON: the value of %q must be a string, a number or a boolean", k)
		default:
			c.Config[k] = string(raw)
		}
	}
	return nil
}
