// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/url"
	"strings"
)

type handler func(*Server, *call) (any, error)

// route is one path; a part "*" is variable.
type route struct {
	path    string
	methods map[string]handler
}

// routes are all paths. They are few enough to be tried in turn.
var routes = []route{
	{"/", map[string]handler{"GET": (*Server).root, "POST": (*Server).root}},
	{"/subjects", map[string]handler{"GET": (*Server).listSubjects}},
	{"/subjects/*", map[string]handler{"POST": (*Server).lookUp, "DELETE": (*Server).deleteSubject}},
	{"/subjects/*/versions", map[string]handler{"GET": (*Server).listVersions, "POST": (*Server).register}},
	{"/subjects/*/versions/*", map[string]handler{"GET": (*Server).getVersion, "DELETE": (*Server).deleteVersion}},
	{"/subjects/*/versions/*/schema", map[string]handler{"GET": (*Server).getVersionText}},
	{"/subjects/*/versions/*/referencedby", map[string]handler{"GET": (*Server).referencedBy}},
	{"/schemas", map[string]handler{"GET": (*Server).listSchemas}},
	{"/schemas/types", map[string]handler{"GET": (*Server).types}},
	{"/schemas/ids/*", map[string]handler{"GET": (*Server).getID}},
	{"/schemas/ids/*/schema", map[string]handler{"GET": (*Server).getIDText}},
	{"/schemas/ids/*/subjects", map[string]handler{"GET": (*Server).subjectsOfID}},
	{"/schemas/ids/*/versions", map[string]handler{"GET": (*Server).versionsOfID}},
	{"/compatibility/subjects/*/versions", map[string]handler{"POST": (*Server).compatibleWithAll}},
	{"/compatibility/subjects/*/versions/*", map[string]handler{"POST": (*Server).compatibleWithOne}},
	{"/config", map[string]handler{"GET": (*Server).getConfig, "PUT": (*Server).putConfig, "DELETE": (*Server).deleteConfig}},
	{"/config/*", map[string]handler{"GET": (*Server).getConfig, "PUT": (*Server).putConfig, "DELETE": (*Server).deleteConfig}},
	{"/mode", map[string]handler{"GET": (*Server).getMode, "PUT": (*Server).putMode, "DELETE": (*Server).deleteMode}},
	{"/mode/*", map[string]handler{"GET": (*Server).getMode, "PUT": (*Server).putMode, "DELETE": (*Server).deleteMode}},
	{"/contexts", map[string]handler{"GET": (*Server).listContexts}},
	{"/v1/metadata/id", map[string]handler{"GET": (*Server).clusterID}},
	{"/v1/metadata/version", map[string]handler{"GET": (*Server).serverVersion}},
}

// find returns what answers a request, and the variable parts of its path. They are
// unescaped one by one: a subject may contain a slash.
func find(r *http.Request) (handler, []string, error) {
	parts, err := split(r.URL.EscapedPath())
	if err != nil {
		return nil, nil, plain(http.StatusNotFound)
	}
	parts, context := withoutContext(parts)
	for i := range routes {
		args, ok := match(routes[i].path, parts)
		if !ok {
			continue
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		handle := routes[i].methods[method]
		if handle == nil {
			return nil, nil, plain(http.StatusMethodNotAllowed)
		}
		if context != "" {
			handle, args = inContext(handle, routes[i].path, context), qualified(routes[i].path, args, context)
		}
		return handle, args, nil
	}
	return nil, nil, plain(http.StatusNotFound)
}

func split(path string) ([]string, error) {
	var parts []string
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, err
		}
		parts = append(parts, plain)
	}
	return parts, nil
}

func match(path string, parts []string) (args []string, ok bool) {
	i := 0
	for want := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if i == len(parts) || want != "*" && want != parts[i] {
			return nil, false
		}
		if want == "*" {
			args = append(args, parts[i])
		}
		i++
	}
	return args, i == len(parts)
}

// withoutContext takes "/contexts/x" off the front of a longer path.
func withoutContext(parts []string) (rest []string, context string) {
	if len(parts) < 3 || parts[0] != "contexts" {
		return parts, ""
	}
	context = strings.Trim(parts[1], ":")
	if !strings.HasPrefix(context, ".") {
		context = "." + context
	}
	return parts[2:], context
}

// qualified puts the subject of a path into the context in front of it.
func qualified(path string, args []string, context string) []string {
	if strings.HasPrefix(path, "/schemas/") {
		return args
	}
	if len(args) > 0 {
		args[0] = within(context, args[0])
	}
	return args
}

// inContext puts the rest of a request into the context: the prefix of a listing, the
// subject that says where an id is looked up, and the scope of global settings.
func inContext(handle handler, path, context string) handler {
	return func(s *Server, c *call) (any, error) {
		switch {
		case path == "/subjects" || path == "/schemas":
			c.query.Set("subjectPrefix", within(context, c.query.Get("subjectPrefix")))
		case strings.HasPrefix(path, "/schemas/ids/"):
			c.query.Set("subject", within(context, c.query.Get("subject")))
		case path == "/config" || path == "/mode":
			c.args = []string{qualify(context, "")}
		}
		return handle(s, c)
	}
}
