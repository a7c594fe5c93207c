// SPDX-License-Identifier: Apache-2.0

package schemaregistry

import (
	"crypto/tls"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
)

const (
	keyURL          = "schema.registry.url"
	keyBasicSource  = "basic.auth.credentials.source"
	keyUserInfo     = "basic.auth.user.info"
	keyOldUserInfo  = "schema.registry.basic.auth.user.info"
	keyBearerSource = "bearer.auth.credentials.source"
	keyBearerToken  = "bearer.auth.token"
	keyConnect      = "http.connect.timeout.ms"
	keyRead         = "http.read.timeout.ms"
	sslPrefix       = "schema.registry.ssl."
)

func text(name, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigString, Null: true, Doc: doc}
}

func secret(name, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigPassword, Null: true, Doc: doc}
}

func millis(name, doc string) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: connect.TypeConfigLong, Default: "60000", Check: connect.AtLeast(1), Doc: doc}
}

// keys are the settings of the original's client that this one reads.
var keys = connect.Define(
	connect.ConfigKey{Name: keyURL, Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Doc: "URLs of the registry, tried in turn."},
	text(keyBasicSource, "Where user name and password come from: URL or USER_INFO."),
	secret(keyUserInfo, "User name and password, parted by a colon."),
	secret(keyOldUserInfo, "The older name of "+keyUserInfo+"."),
	text(keyBearerSource, "Where the bearer token comes from: STATIC_TOKEN."),
	secret(keyBearerToken, "The bearer token."),
	millis(keyConnect, "How long connecting may take."),
	millis(keyRead, "How long an answer may take."),
	text(sslPrefix+"protocol", "The TLS version: TLS, TLSv1.2 or TLSv1.3."),
	connect.ConfigKey{Name: sslPrefix + "endpoint.identification.algorithm", Type: connect.TypeConfigString, Default: "https", Doc: "Empty does not check the name of the server."},
	text(sslPrefix+"truststore.type", "Form of the truststore: PEM."),
	text(sslPrefix+"truststore.location", "File with the certificates to trust."),
	text(sslPrefix+"truststore.certificates", "The certificates to trust, inline."),
	text(sslPrefix+"keystore.type", "Form of the keystore: PEM."),
	text(sslPrefix+"keystore.location", "File with certificate chain and private key."),
	text(sslPrefix+"keystore.certificate.chain", "Certificate chain, inline."),
	secret(sslPrefix+"keystore.key", "Private key, inline."),
	secret(sslPrefix+"key.password", "Password of the private key."),
)

// server is one of the URLs; it has no user info left.
type server struct {
	url           *url.URL
	authorization string // the header's value, "" for none
}

type settings struct {
	servers       []server
	connect, read time.Duration
	tls           *tls.Config
}

func parseSettings(props map[string]string) (settings, error) {
	c, errs := keys.Parse(props)
	// The URLs are parsed below, so that what is shown of them has no password.
	for i := range errs {
		if errs[i].Key == keyURL {
			errs[i].Value = ""
		}
	}
	s := settings{connect: c.Millis(keyConnect), read: c.Millis(keyRead)}
	header, err := authorization(c)
	if err != nil {
		errs = append(errs, *err)
	}
	for _, text := range c.List(keyURL) {
		one, err := parseServer(text, header)
		if err != nil {
			errs = append(errs, *err)
			continue
		}
		s.servers = append(s.servers, one)
	}
	var more connect.ConfigErrors
	s.tls, more = tlsConfig(c)
	if errs = append(errs, more...); len(errs) > 0 {
		return s, errs
	}
	return s, nil
}

// parseServer takes the user info out of a URL; it is used unless other credentials are
// set.
func parseServer(text, header string) (server, *connect.ConfigError) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return server{}, &connect.ConfigError{Key: keyURL, Value: masked(text), Rule: "is a list of http or https URLs", Hint: "http://localhost:8081"}
	}
	if u.User != nil && header == "" {
		password, _ := u.User.Password()
		header = basic(u.User.Username(), password)
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return server{u, header}, nil
}

// masked hides what stands before the last @ of a text that may be a URL.
func masked(text string) string {
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		return "[hidden]" + text[i:]
	}
	return text
}

// authorization returns the header for what is set beside the URLs.
func authorization(c connect.Config) (string, *connect.ConfigError) {
	info := c.String(keyUserInfo)
	if info == "" {
		info = c.String(keyOldUserInfo)
	}
	token := c.String(keyBearerToken)
	if err := oneOf(c, keyBasicSource, "URL", "USER_INFO"); err != nil {
		return "", err
	}
	if err := oneOf(c, keyBearerSource, "STATIC_TOKEN"); err != nil {
		return "", err
	}
	source := strings.ToUpper(c.String(keyBasicSource))
	switch {
	case token != "" && source != "":
		return "", &connect.ConfigError{Key: keyBearerSource, Value: c.String(keyBearerSource), Rule: "excludes " + keyBasicSource, Hint: "set one of them"}
	case token != "":
		return "Bearer " + token, nil
	case c.String(keyBearerSource) != "":
		return "", &connect.ConfigError{Key: keyBearerToken, Rule: "must be set for " + keyBearerSource + "=STATIC_TOKEN"}
	case source == "USER_INFO" || source == "" && info != "":
		user, password, ok := strings.Cut(info, ":")
		if !ok {
			return "", &connect.ConfigError{Key: keyUserInfo, Value: "[hidden]", Rule: "is a user name, a colon and a password"}
		}
		return basic(user, password), nil
	}
	return "", nil
}

func oneOf(c connect.Config, key string, valid ...string) *connect.ConfigError {
	value := c.String(key)
	if value == "" || slices.Contains(valid, strings.ToUpper(value)) {
		return nil
	}
	return &connect.ConfigError{Key: key, Value: value, Rule: "must be one of " + strings.Join(valid, ", "), Hint: valid[len(valid)-1]}
}
