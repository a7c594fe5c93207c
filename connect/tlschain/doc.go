// SPDX-License-Identifier: Apache-2.0

// Package tlschain has the kind of trust that Java's clients have and crypto/tls does
// not: in a server's certificate, whatever name it was made for.
package tlschain
