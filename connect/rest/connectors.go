// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/topics"
)

func listConnectors(_ context.Context, h Herder, r *http.Request) (any, error) {
	names := append([]string{}, h.Names()...)
	expand, asked := r.URL.Query()["expand"]
	if !asked {
		return names, nil
	}
	out := make(map[string]map[string]any, len(names))
	for _, name := range names {
		entry := map[string]any{}
		// A connector that was removed meanwhile is left out.
		if slices.Contains(expand, "status") {
			status, err := h.Status(name)
			if err != nil {
				continue
			}
			entry["status"] = status
		}
		if slices.Contains(expand, "info") {
			info, err := h.Info(name)
			if err != nil {
				continue
			}
			entry["info"] = info
		}
		out[name] = entry
	}
	return out, nil
}

func createConnector(ctx context.Context, h Herder, r *http.Request) (any, error) {
	req, err := decodeCreate(r)
	if err != nil {
		return nil, err
	}
	info, err := h.Create(ctx, req.name, req.config, req.target)
	if err != nil {
		return nil, err
	}
	return &reply{http.StatusCreated, location(r, info.Name), info}, nil
}

func location(r *http.Request, name string) string {
	return "http://" + r.Host + "/connectors/" + url.PathEscape(name)
}

func getConnector(_ context.Context, h Herder, r *http.Request) (any, error) {
	return h.Info(r.PathValue("name"))
}

func deleteConnector(ctx context.Context, h Herder, r *http.Request) (any, error) {
	return &reply{status: http.StatusNoContent}, h.Delete(ctx, r.PathValue("name"))
}

func getConfig(_ context.Context, h Herder, r *http.Request) (any, error) {
	info, err := h.Info(r.PathValue("name"))
	return info.Config, err
}

func putConfig(ctx context.Context, h Herder, r *http.Request) (any, error) {
	config, err := decodeConfig(r)
	if err != nil {
		return nil, err
	}
	info, created, err := h.Put(ctx, r.PathValue("name"), config)
	if err != nil {
		return nil, err
	}
	if created {
		return &reply{http.StatusCreated, location(r, info.Name), info}, nil
	}
	return info, nil
}

func patchConfig(ctx context.Context, h Herder, r *http.Request) (any, error) {
	patch, err := decodePatch(r)
	if err != nil {
		return nil, err
	}
	return h.Patch(ctx, r.PathValue("name"), patch)
}

func getStatus(_ context.Context, h Herder, r *http.Request) (any, error) {
	return h.Status(r.PathValue("name"))
}

func restartConnector(ctx context.Context, h Herder, r *http.Request) (any, error) {
	flag := func(name string) bool { return strings.EqualFold(r.URL.Query().Get(name), "true") }
	req := topics.Restart{Connector: r.PathValue("name"), IncludeTasks: flag("includeTasks"), OnlyFailed: flag("onlyFailed")}
	status, err := h.Restart(ctx, req)
	if err != nil {
		return nil, err
	}
	if !req.IncludeTasks && !req.OnlyFailed {
		return &reply{status: http.StatusNoContent}, nil
	}
	return &reply{status: http.StatusAccepted, body: status}, nil
}

func setTarget(target topics.Target, status int) handler {
	return func(ctx context.Context, h Herder, r *http.Request) (any, error) {
		return &reply{status: status}, h.SetTarget(ctx, r.PathValue("name"), target)
	}
}

func getTasks(_ context.Context, h Herder, r *http.Request) (any, error) {
	return h.TaskConfigs(r.PathValue("name"))
}

// taskNumber reads the number in the path; anything else is a path that is not there.
func taskNumber(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("task"))
	if err != nil {
		return 0, frameworkError(http.StatusNotFound)
	}
	return n, nil
}

func getTaskStatus(_ context.Context, h Herder, r *http.Request) (any, error) {
	n, err := taskNumber(r)
	if err != nil {
		return nil, err
	}
	return h.TaskStatus(r.PathValue("name"), n)
}

func restartTask(ctx context.Context, h Herder, r *http.Request) (any, error) {
	n, err := taskNumber(r)
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent}, h.RestartTask(ctx, r.PathValue("name"), n)
}

func getTopics(_ context.Context, h Herder, r *http.Request) (any, error) {
	list, err := h.Topics(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return map[string]any{r.PathValue("name"): map[string]any{"topics": list}}, nil
}

func resetTopics(ctx context.Context, h Herder, r *http.Request) (any, error) {
	return &reply{status: http.StatusAccepted}, h.ResetTopics(ctx, r.PathValue("name"))
}

func getOffsets(ctx context.Context, h Herder, r *http.Request) (any, error) {
	ps, err := h.Positions(ctx, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	type entry struct {
		Partition json.RawMessage `json:"partition"`
		Offset    json.RawMessage `json:"offset"`
	}
	entries := []entry{}
	for _, p := range ps {
		entries = append(entries, entry{asJSON(p.Partition), asJSON(p.Offset)})
	}
	return map[string]any{"offsets": entries}, nil
}

func getState(_ context.Context, h Herder, r *http.Request) (any, error) {
	return h.State(r.PathValue("name"), r.PathValue("step"), r.PathValue("key"))
}

func asJSON(v connect.Value) json.RawMessage { return convert.AppendJSON(nil, v) }

func alterOffsets(ctx context.Context, h Herder, r *http.Request) (any, error) {
	ps, err := decodePositions(r)
	if err != nil {
		return nil, err
	}
	message, err := h.AlterPositions(ctx, r.PathValue("name"), ps)
	return map[string]string{"message": message}, err
}

func resetOffsets(ctx context.Context, h Herder, r *http.Request) (any, error) {
	message, err := h.ResetPositions(ctx, r.PathValue("name"))
	return map[string]string{"message": message}, err
}

func validate(ctx context.Context, h Herder, r *http.Request) (any, error) {
	config, err := decodeConfig(r)
	if err != nil {
		return nil, err
	}
	return h.Validate(ctx, r.PathValue("plugin"), config)
}
