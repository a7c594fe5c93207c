// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/topics"
	"github.com/connectd/connectd/connect/worker"
)

// Malformed JSON is answered with 500, not 400: clients of the original rely on it.

func readBody(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("the request has no body, a JSON object is needed")
	}
	return text, nil
}

// createRequest is the body of POST /connectors.
type createRequest struct {
	name   string
	config map[string]string
	target topics.Target
}

func decodeCreate(r *http.Request) (createRequest, error) {
	var out createRequest
	text, err := readBody(r)
	if err != nil {
		return out, err
	}
	var body struct {
		Name         *string                    `json:"name"`
		Config       map[string]json.RawMessage `json:"config"`
		InitialState *string                    `json:"initial_state"`
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return out, fmt.Errorf("read the request: %w (the members are name, config and initial_state)", plainly(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return out, fmt.Errorf("read the request: there is more behind the JSON object")
	}
	if body.Config == nil {
		return out, fmt.Errorf("the request has no config")
	}
	if out.config, err = configOf(body.Config); err != nil {
		return out, err
	}
	if body.Name != nil {
		out.name = strings.TrimSpace(*body.Name)
	} else {
		out.name = out.config["name"]
	}
	if body.InitialState == nil {
		return out, nil
	}
	switch state := strings.ToUpper(*body.InitialState); state {
	case "RUNNING":
		out.target = topics.Started
	case "PAUSED", "STOPPED":
		out.target = topics.Target(state)
	default:
		return out, fmt.Errorf("initial_state is %q, it must be RUNNING, PAUSED or STOPPED", *body.InitialState)
	}
	return out, nil
}

// decodeConfig reads a bare configuration.
func decodeConfig(r *http.Request) (map[string]string, error) {
	members, err := decodeMembers(r)
	if err != nil {
		return nil, err
	}
	return configOf(members)
}

func decodeMembers(r *http.Request) (map[string]json.RawMessage, error) {
	text, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("read the request: %w", plainly(err))
	}
	return members, nil
}

// plainly tells of a wrong type without the names of types of the program.
func plainly(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong):
		return err
	case wrong.Field == "":
		return fmt.Errorf("a JSON object is needed, it is %s", wrong.Value)
	default:
		return fmt.Errorf("%s cannot be %s", wrong.Field, wrong.Value)
	}
}

// configOf turns members into strings; null is a mistake of the configuration.
func configOf(members map[string]json.RawMessage) (map[string]string, error) {
	out := make(map[string]string, len(members))
	for k, raw := range members {
		v, err := text(k, raw)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, &worker.Problem{Status: http.StatusBadRequest, Message: fmt.Sprintf("Connector configuration is invalid and contains the following 1 error(s):\nA null value was supplied for configuration %s: leave the key out instead", k)}
		}
		out[k] = *v
	}
	return out, nil
}

// text accepts strings, numbers and booleans; nil for null.
func text(key string, raw json.RawMessage) (*string, error) {
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("read the request: %s: %w", key, err)
		}
		return &s, nil
	case 'n':
		return nil, nil
	case '{', '[':
		return nil, fmt.Errorf("the value of %q must be a string, a number or a boolean", key)
	default:
		s := string(raw)
		return &s, nil
	}
}

// decodePatch reads a patch: null removes a key.
func decodePatch(r *http.Request) (map[string]*string, error) {
	members, err := decodeMembers(r)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*string, len(members))
	for k, raw := range members {
		if out[k], err = text(k, raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decodePositions reads {"offsets":[{"partition":{},"offset":{}}]}.
func decodePositions(r *http.Request) ([]connect.Position, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var a connect.Arena
	v, err := convert.ParseJSON(&a, body)
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if v.Kind() != connect.KindMap {
		return nil, fmt.Errorf("read the request: a JSON object is needed")
	}
	list, _ := v.Get("offsets")
	var out []connect.Position
	for _, e := range list.Array() {
		if e.Kind() != connect.KindMap {
			return nil, fmt.Errorf("read the request: the elements of offsets are objects")
		}
		partition, _ := e.Get("partition")
		offset, _ := e.Get("offset")
		out = append(out, connect.Position{Partition: connect.Clone(partition), Offset: connect.Clone(offset)})
	}
	return out, nil
}
