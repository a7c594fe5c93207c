// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/worker"
)

// signalRequest is the body of POST /connectors/{name}/signals.
type signalRequest struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data,omitempty"`
}

// postSignal answers 202 once the signal is part of a committed offset.
func postSignal(ctx context.Context, h Herder, r *http.Request) (any, error) {
	q, err := decodeSignal(r)
	if err != nil {
		return nil, &worker.Problem{Status: http.StatusBadRequest, Message: err.Error()}
	}
	s := connect.Signal{ID: q.ID, Type: q.Type, Data: dataText(q.Data)}
	if err := h.Signal(ctx, r.PathValue("name"), s); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusAccepted, body: q}, nil
}

func decodeSignal(r *http.Request) (signalRequest, error) {
	var q signalRequest
	text, err := readBody(r)
	if err != nil {
		return q, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return q, fmt.Errorf("read the request: %w (the members are id, type and data)", plainly(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return q, errors.New("read the request: there is more behind the JSON object")
	}
	if q.Type == "" {
		return q, errors.New("the request has no type")
	}
	return q, nil
}

// dataText is the object, or the text of one, as the column of a table of signals has it.
func dataText(data json.RawMessage) string {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		return text // null is ""
	}
	return string(data)
}
