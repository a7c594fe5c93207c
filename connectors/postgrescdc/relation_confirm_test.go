// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestConfirmedWhenTheCatalogAnswers: the first row that is younger than the task, and has a
// description from before, waits for the catalog, and comes once.
func TestConfirmedWhenTheCatalogAnswers(t *testing.T) {
	t.Parallel()
	w := leftWorld(t)
	w.exec("INSERT INTO a VALUES (3, 'waits for the task')")
	r := w.start()
	defer r.stop()
	r.until(3)
	rs, away := r.task.emitter.relations, 3
	open := rs.open
	rs.open = func(ctx context.Context) (*pgx.Conn, error) {
		if away--; away >= 0 {
			return nil, &pgconn.PgError{Code: "53300", Message: "too many clients"}
		}
		return open(ctx)
	}
	w.exec("INSERT INTO a VALUES (4, 'younger')")
	r.until(4)
	if away >= 0 {
		t.Errorf("the catalog was not asked until it answered: %d", away)
	}
	w.exec("INSERT INTO a VALUES (5, 'the next')")
	r.until(5)
	for _, plan := range rs.plans { // the server may tell a relation again, and see asks then
		if plan.early {
			t.Error("the description is still not confirmed: each row asks")
		}
	}
	if got := line(&w.written[4]); len(w.written) != 5 || !strings.Contains(got, `"id":5`) {
		t.Errorf("a row came twice: %s", got)
	}
}
