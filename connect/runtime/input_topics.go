// SPDX-License-Identifier: Apache-2.0

package runtime

import "context"

func (t *Task) runSink(ctx, hard context.Context) error { return nil }
