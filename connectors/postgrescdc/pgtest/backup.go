// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// backup copies the data of the server while it runs, from n to a directory of another
// one, which a start recovers from the server's log. It does what pg_basebackup does,
// which does not come with every installation.
func (s *Server) backup(ctx context.Context, n, to *native) error {
	begin, end := "SELECT pg_backup_start('standby', true)", "SELECT labelfile, length(spcmapfile) FROM pg_backup_stop(false)"
	conn, err := pgconn.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect for backup: %w", err)
	}
	defer func() { // with the session ends a backup that is under way
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if v := conn.ParameterStatus("server_version"); strings.HasPrefix(v, "13") || strings.HasPrefix(v, "14") {
		begin, end = "SELECT pg_start_backup('standby', true, false)", "SELECT labelfile, length(spcmapfile) FROM pg_stop_backup(false, false)"
	}
	if _, err := conn.Exec(ctx, begin).ReadAll(); err != nil {
		return fmt.Errorf("begin backup: %w", err)
	}
	if err := copyData(n.data(), to.data(), to.as); err != nil {
		return fmt.Errorf("copy data of the server: %w", err)
	}
	results, err := conn.Exec(ctx, end).ReadAll()
	if err != nil {
		return fmt.Errorf("end backup: %w", err)
	}
	row := results[0].Rows[0]
	if string(row[1]) != "0" && len(row[1]) > 0 {
		return errors.New("copy data of the server: it has tablespaces, which are not copied")
	}
	return to.as.write(filepath.Join(to.data(), "backup_label"), row[0])
}

// copyData copies a data directory but for what belongs to the running server, and its
// log. pg_control comes last: the copy is to be recovered from no later a checkpoint than
// its pages need.
func copyData(from, to string, as account) error {
	control := filepath.Join("global", "pg_control")
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server has removed it since
		}
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(path, from), "/")
		switch {
		case d.IsDir() && !isBackedUp(rel): // of a slot, as an example
			return filepath.SkipDir
		case d.IsDir():
			return as.mkdir(filepath.Join(to, rel))
		case rel == control || !d.Type().IsRegular() || !isBackedUp(rel):
			return nil
		}
		return copyFile(path, filepath.Join(to, rel), as)
	})
	if err != nil {
		return err
	}
	return copyFile(filepath.Join(from, control), filepath.Join(to, control), as)
}

// isBackedUp reports whether a file of the data directory is part of a backup; the
// directories whose content is left out are made all the same.
func isBackedUp(rel string) bool {
	for _, dir := range []string{"pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"} {
		if strings.HasPrefix(rel, dir+"/") {
			return false
		}
	}
	return rel != "postmaster.pid" && rel != "postmaster.opts" && filepath.Base(rel) != "pg_internal.init"
}

func copyFile(from, to string, as account) error {
	f, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	return as.write(to, text)
}

// write makes a file of a with mode 0600.
func (a account) write(path string, text []byte) error {
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	if !a.other {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}
