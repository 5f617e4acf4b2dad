package registryauth

import (
	"errors"
	"strings"
	"testing"
)

// TestSecrets proves the order of the sources, and that what cannot be read names its source and
// nothing of its content.
func TestSecrets(t *testing.T) {
	c := configOf(t, `{"auths":{"r.io":{"auth":"`+encoded("file", "p")+`"},"x.io":{"auth":"`+encoded("file", "p")+`"}}}`,
		map[string]string{authEnv: `{"auths":{"r.io":{"auth":"` + encoded("env", "p") + `"}}}`})
	for source, text := range map[string]string{
		"broken": `{"auths":{"r.io":{"auth":"` + secret, "list": `["` + secret + `"]`, "empty": "", "nothing": "{}", "no hosts": `{"auths":{}}`,
		"a helper": `{"credsStore":"x/evil","credHelpers":{"r.io":"evil"}}`, "only broken ones": `{"auths":{"r.io":17,"x.io":{}}}`,
	} {
		_, err := ParseSecret(source, []byte(text))
		var broken *ConfigError
		if !errors.As(err, &broken) || broken.Path != source || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", source, err)
		}
	}
	var build Build
	for _, each := range []struct{ source, text string }{
		{"first", `{"auths":{"r.io":{"username":"first","password":"p"}}}`},
		{"half", `{"auths":{"broken.io":17,"half.io":{"username":"half","password":"p"}}}`}, // one does not take the others with it
		{"second", `{"https://r.io/v1/":{"auth":"` + encoded("second", "p") + `"},"y.io":{"auth":"` + encoded("second", "p") + `"}}`},
	} {
		secret, err := ParseSecret(each.source, []byte(each.text))
		if err != nil {
			t.Fatal(err)
		}
		build.Secrets = append(build.Secrets, secret)
	}
	p := c.Provider(build)
	if got, unread := p.keychain.find(t.Context(), purpose{host: "broken.io"}); got != (Credentials{}) || unread == nil || unread.Source != "half" {
		t.Errorf("got %+v, %v", got, unread)
	}
	for host, want := range map[string]string{"r.io": "first", "x.io": "file", "y.io": "second", "half.io": "half"} {
		got, unread := p.keychain.find(t.Context(), purpose{host: host})
		if got.Username != want || unread != nil {
			t.Errorf("%s: got %+v, %v", host, got, unread)
		}
	}
}
