// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checkSignals looks whether signals can come from where they are to come from.
func (p *flight) checkSignals() {
	p.checkSignalTable()
	p.checkSignalFile()
}

// checkSignalTable looks whether the table of signals is one.
func (p *flight) checkSignalTable() {
	name := p.s.Signals.Table
	if name == "" || !p.s.Signals.Source {
		return
	}
	i := slices.IndexFunc(p.tables, func(t *tableFacts) bool { return p.s.filter.signals(t.Schema, t.Name) })
	if i < 0 {
		schema, table, _ := strings.Cut(name, ".")
		p.warn("the table of signals "+name+" does not exist", "no signal can come", "CREATE TABLE "+tableName{schema, table}.sql()+" (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));")
		return
	}
	columns := p.tables[i].columnNames()
	if lacks := slices.DeleteFunc([]string{"id", "type", "data"}, func(c string) bool { return slices.Contains(columns, c) }); len(lacks) > 0 {
		add := "ALTER TABLE " + p.tables[i].name().sql()
		for j, c := range lacks {
			if j > 0 {
				add += ","
			}
			add += " ADD COLUMN " + c + " text"
		}
		p.warn("the table of signals "+name+" lacks the columns "+listed(lacks), "signals in it are left out", add+";")
	}
}

// checkSignalFile looks whether the file of signals can be read, or come to be there.
func (p *flight) checkSignalFile() {
	name := p.s.Signals.File
	if name == "" {
		return
	}
	what := "the file of signals " + name
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if dir := filepath.Dir(name); !isDir(dir) {
			p.warn(what+" has no folder "+dir, "no signal can come", "")
		}
	case err != nil:
		p.warn(what+" cannot be read: "+err.Error(), "no signal can come", "")
	case !info.Mode().IsRegular():
		p.warn(what+" is no file", "no signal can come", "")
	default:
		f, err := os.Open(name)
		if err != nil {
			p.warn(what+" cannot be read: "+err.Error(), "no signal can come", "")
			return
		}
		_ = f.Close() // nothing was written
	}
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
