// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Do makes one call with a body of JSON, or without one if it is nil, and returns what is
// answered, whatever the status.
func Do(ctx context.Context, method, url string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// Call makes one call and decodes what is answered into answer, which may be nil. A
// status of 300 and more is an error.
func Call(ctx context.Context, method, url string, body []byte, answer any) error {
	status, text, err := Do(ctx, method, url, body)
	if err != nil {
		return err
	}
	if status >= 300 {
		return fmt.Errorf("%s %s: %d: %s", method, url, status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
