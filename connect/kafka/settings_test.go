// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"strings"
	"testing"
)

func TestPartitionForIsThatOfJava(t *testing.T) {
	// From the tests of the Java client: Utils.murmur2 of these strings.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
		if got := PartitionFor([]byte(key), 7); got != want&0x7fffffff%7 {
			t.Errorf("PartitionFor(%q) = %d", key, got)
		}
	}
}

func TestSettings(t *testing.T) {
	base := map[string]string{"bootstrap.servers": "a:1,b:2"}
	with := func(kv ...string) map[string]string {
		out := map[string]string{"bootstrap.servers": base["bootstrap.servers"]}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i]] = kv[i+1]
		}
		return out
	}
	jaas := `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p\"w\\d";`
	for name, tc := range map[string]struct {
		props map[string]string
		key   string // of the mistake; "" for none
	}{
		"plain":               {with(), ""},
		"no brokers":          {map[string]string{}, "bootstrap.servers"},
		"java keystore":       {with("security.protocol", "SSL", "ssl.truststore.type", "JKS"), "ssl.truststore.type"},
		"unknown compression": {with("compression.type", "rar"), "compression.type"},
		"sasl":                {with("security.protocol", "SASL_PLAINTEXT", "sasl.jaas.config", jaas), ""},
		"sasl without login":  {with("security.protocol", "SASL_PLAINTEXT"), "security.protocol"},
		"property of others":  {with("max.poll.records", "7", "what.is.this", "1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, errs := ParseSettings(tc.props)
			switch {
			case tc.key == "" && len(errs) > 0, tc.key != "" && (len(errs) != 1 || errs[0].Key != tc.key):
				t.Errorf("mistakes: %v", errs)
			case strings.Contains(s.String(), `p"w`):
				t.Error("the password is printed")
			}
		})
	}
	if user, password, err := jaasOf(t, jaas); user != "u" || password != `p"w\d` || err != nil {
		t.Errorf("%q %q %v", user, password, err)
	}
}

func jaasOf(t *testing.T, line string) (string, string, error) {
	t.Helper()
	return jaas(line)
}

func TestScramVectorOfRFC7677(t *testing.T) {
	s := &scramClient{}
	if err := s.Begin("user", "pencil", ""); err != nil {
		t.Fatal(err)
	}
	s.nonce = "rOprNGfwEbeRWgbNEkqO"
	if first, err := s.Step(""); err != nil || first != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" {
		t.Fatalf("%q, %v", first, err)
	}
	proof, err := s.Step("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
	if want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="; err != nil || proof != want {
		t.Fatalf("%q, %v", proof, err)
	}
	if _, err := s.Step("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="); err != nil || !s.Done() {
		t.Errorf("the server's proof: %v", err)
	}
	forged := &scramClient{step: 2, verifier: []byte("x")}
	if _, err := forged.Step("v=Zm9yZ2Vk"); err == nil || forged.Done() {
		t.Error("a forged proof of the server passes")
	}
}
