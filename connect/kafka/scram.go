// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// scramClient is the client's side of SCRAM (RFC 5802) for one connection.
type scramClient struct {
	sha512 bool

	user, password, nonce string
	first                 string // the client's first message, without its header
	verifier              []byte
	step                  int
	done                  bool
}

// maxIterations bounds the work that a server can ask for.
const maxIterations = 1 << 20

func (s *scramClient) hash() func() hash.Hash {
	if s.sha512 {
		return sha512.New
	}
	return sha256.New
}

// Begin starts a conversation.
func (s *scramClient) Begin(user, password, _ string) error {
	s.user = strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	s.password, s.nonce = password, rand.Text()
	s.step, s.done = 0, false
	return nil
}

// Done reports whether the server has proved that it knows the password too.
func (s *scramClient) Done() bool { return s.done }

// Step answers one message of the server.
func (s *scramClient) Step(challenge string) (string, error) {
	s.step++
	switch s.step {
	case 1:
		s.first = "n=" + s.user + ",r=" + s.nonce
		return "n,," + s.first, nil
	case 2:
		return s.prove(challenge)
	case 3:
		want, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(challenge, "v="))
		if err != nil || subtle.ConstantTimeCompare(want, s.verifier) != 1 {
			return "", errors.New("authenticate: the server does not prove that it knows the password")
		}
		s.done = true
		return "", nil
	default:
		return "", errors.New("authenticate: the server goes on after the end")
	}
}

func (s *scramClient) prove(challenge string) (string, error) {
	fields := map[byte]string{}
	for _, f := range strings.Split(challenge, ",") {
		if len(f) > 2 && f[1] == '=' {
			fields[f[0]] = f[2:]
		}
	}
	salt, err := base64.StdEncoding.DecodeString(fields['s'])
	n, nerr := strconv.Atoi(fields['i'])
	if err != nil || nerr != nil || n < 1 || n > maxIterations || !strings.HasPrefix(fields['r'], s.nonce) {
		return "", fmt.Errorf("authenticate: the server's challenge is malformed")
	}
	h := s.hash()
	salted, err := pbkdf2.Key(h, s.password, salt, n, h().Size())
	if err != nil {
		return "", fmt.Errorf("authenticate: %w", err)
	}
	clientKey := mac(h, salted, "Client Key")
	stored := h()
	stored.Write(clientKey)
	final := "c=biws,r=" + fields['r']
	message := s.first + "," + challenge + "," + final
	proof := mac(h, stored.Sum(nil), message)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	s.verifier = mac(h, mac(h, salted, "Server Key"), message)
	return final + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

func mac(h func() hash.Hash, key []byte, message string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(message))
	return m.Sum(nil)
}
