// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package file

import "log/slog"

func newWatcher(*slog.Logger) watcher { return sleeper{} }
