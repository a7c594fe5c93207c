// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/avro"
)

// maxBody bounds a request.
const maxBody = 16 << 20

// mediaTypes are those that the registry speaks; the first is its own choice.
var mediaTypes = []string{"application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json"}

// call is one request that has found its route.
type call struct {
	*http.Request
	w     http.ResponseWriter
	args  []string // the variable parts of the path
	query url.Values
}

// rawText is an answer that is a schema's text as it is.
type rawText string

// noContent is the answer without a body.
type noContent struct{}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	media := acceptable(r.Header.Values("Accept"))
	answer, err := s.serve(w, r, media)
	if media == "" {
		media = mediaTypes[0]
	}
	w.Header().Set("Content-Type", media)
	status, body := http.StatusOK, []byte(nil)
	switch a := answer.(type) {
	case noContent:
		status = http.StatusNoContent
	case rawText:
		body = []byte(a)
	default:
		body = encode(a)
	}
	if err != nil {
		status, body = s.failed(r, err)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that has gone away is nobody to tell of it.
	_, _ = w.Write(body)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, media string) (any, error) {
	if media == "" {
		return nil, plain(http.StatusNotAcceptable)
	}
	handle, args, err := find(r)
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "The query cannot be read: %v", err)
	}
	return handle(s, &call{Request: r, w: w, args: args, query: query})
}

func (s *Server) failed(r *http.Request, err error) (int, []byte) {
	var f *failure
	if !errors.As(err, &f) {
		s.o.Log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		f = &failure{http.StatusInternalServerError, 50001, "Internal Server Error"}
	}
	return f.status, encode(struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}{f.code, f.message})
}

// encode writes JSON as the original does: without escapes for HTML.
func encode(v any) []byte {
	if j, ok := v.(*avro.JSON); ok {
		return j.Append(nil)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Answers are made of texts, numbers and lists; they cannot fail to encode.
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// acceptable picks the media type of the answer, "" if the client takes none of them.
func acceptable(accept []string) string {
	best, weight := "", -1.0
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := quality(parameters)
		if own := matching(strings.TrimSpace(name)); own != "" && q > weight && q > 0 {
			best, weight = own, q
		}
	}
	return best
}

func matching(name string) string {
	if name == "" || name == "*/*" || name == "application/*" {
		return mediaTypes[0]
	}
	for _, own := range mediaTypes {
		if strings.EqualFold(name, own) {
			return own
		}
	}
	return ""
}

func quality(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		if q, err := strconv.ParseFloat(value, 64); err == nil {
			return q
		}
	}
	return 1
}

// body reads the request's body, which must be an object.
func (c *call) body() (*avro.JSON, error) {
	name, _, _ := strings.Cut(c.Header.Get("Content-Type"), ";")
	if name = strings.TrimSpace(name); name != "application/octet-stream" && matching(name) == "" {
		return nil, plain(http.StatusUnsupportedMediaType)
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, plain(http.StatusRequestEntityTooLarge)
	}
	if err != nil {
		return nil, fail(http.StatusBadRequest, "The body cannot be read")
	}
	if len(bytes.TrimSpace(data)) == 0 || string(bytes.TrimSpace(data)) == "null" {
		return nil, fail(http.StatusUnprocessableEntity, "The request body must not be null")
	}
	v, err := avro.ParseJSON(data)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "The body cannot be read: %v", err)
	}
	if v.Kind != avro.JSONObject {
		return nil, fail(http.StatusBadRequest, "The body is an object, not %.100s", v.String())
	}
	return v, nil
}

// flag is a parameter of the query; all but "true" is false, as in the original.
func (c *call) flag(name string) bool { return strings.EqualFold(c.query.Get(name), "true") }

func (c *call) number(name string, absent int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, plain(http.StatusNotFound)
	}
	return int(n), nil
}

func (c *call) filter() filter {
	switch {
	case c.flag("deletedOnly"):
		return deletedOnly
	case c.flag("deleted"):
		return withDeleted
	}
	return liveOnly
}

// page cuts the part out of a list that offset and limit ask for.
func page[T any](c *call, list []T, most int) ([]T, error) {
	offset, err := c.number("offset", 0)
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit", -1)
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > most {
		limit = most
	}
	list = list[min(max(offset, 0), len(list)):]
	list = list[:min(limit, len(list))]
	if list == nil {
		list = []T{}
	}
	return list, nil
}
