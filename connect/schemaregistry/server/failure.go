// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net/http"
)

// failure is an answer that is not a success: the code is the status, or begins with it.
type failure struct {
	status  int
	code    int
	message string
}

func (f *failure) Error() string { return f.message }

func fail(code int, format string, args ...any) error {
	status := code
	for status > 999 {
		status /= 10
	}
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

// The original's failures. The texts are its own to the letter, missing blanks included.

func noSubject(subject string) error { return fail(40401, "Subject '%s' not found.", subject) }

func noVersion(version int) error { return fail(40402, "Version %d not found.", version) }

func noSchema() error { return fail(40403, "Schema not found") }

func noID(id int) error { return fail(40403, "Schema %d not found", id) }

func subjectSoftDeleted(subject string) error {
	return fail(40404, "Subject '%s' was soft deleted.Set permanent=true to delete permanently", subject)
}

func subjectNotSoftDeleted(subject string) error {
	return fail(40405, "Subject '%s' was not deleted first before being permanently deleted", subject)
}

func versionSoftDeleted(subject string, version int) error {
	return fail(40406, "Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently", subject, version)
}

func versionNotSoftDeleted(subject string, version int) error {
	return fail(40407, "Subject '%s' Version %d was not deleted first before being permanently deleted", subject, version)
}

func noSubjectConfig(subject string) error {
	return fail(40408, "Subject '%s' does not have subject-level compatibility configured", subject)
}

func noSubjectMode(subject string) error {
	return fail(40409, "Subject '%s' does not have subject-level mode configured", subject)
}

// incompatible has the code 409 that versions up to 8.1 give; later ones say 40901.
func incompatible(subject, details string) error {
	return fail(http.StatusConflict, "Schema being registered is incompatible with an earlier schema for subject \"%s\", details: %s", subject, details)
}

func invalidSchema(format string, args ...any) error { return fail(42201, format, args...) }

func invalidVersion(version string) error {
	return fail(42202, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", version)
}

func invalidLevel() error {
	return fail(42203, "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive")
}

func invalidMode() error {
	return fail(42204, "Invalid mode. Valid values are READWRITE, READONLY, and IMPORT.")
}

func notPermitted(format string, args ...any) error { return fail(42205, format, args...) }

func referenced(subject string, version int) error {
	return fail(42206, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%d}.", subject, version)
}

func invalidSubject(subject string) error {
	return fail(42208, "The specified subject '%s' is not a valid.", subject)
}

func tooLarge() error {
	return fail(42209, "Register operation failed because schema is too large")
}

func storeFailed(what string) error { return fail(50001, "%s", what) }

func timedOut(what string) error { return fail(50002, "%s", what) }

// plain are failures before any route is asked, in the words of the original's framework.
func plain(status int) error {
	return &failure{status, status, fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))}
}
