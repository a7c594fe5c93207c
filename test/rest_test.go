// SPDX-License-Identifier: Apache-2.0

package test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

func TestRESTAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{Properties: map[string]string{
		"listeners": "http://127.0.0.1:0,http://127.0.0.1:0", "admin.listeners": "", "response.http.headers.config": "set X-Frame-Options: DENY",
	}})
	resp, err := http.Get(d.REST + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("X-Frame-Options"); got != "DENY" {
		t.Errorf("the header is %q", got)
	}
	if code, answer, err := d.Call("GET", "/admin/loggers", nil); err != nil || code != 404 {
		t.Errorf("admin without a listener: %d %s %v", code, answer, err)
	}
}

func TestLoggersOfComponents(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	d.Must(200, "PUT", "/admin/loggers/worker", map[string]string{"level": "DEBUG"})
	if answer := d.Must(200, "GET", "/admin/loggers", nil); !strings.Contains(answer, `"worker"`) || !strings.Contains(answer, `"root"`) || !strings.Contains(answer, "DEBUG") {
		t.Errorf("loggers %s", answer)
	}
}
