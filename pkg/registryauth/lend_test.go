package registryauth

import (
	"errors"
	"strings"
	"testing"
)

// TestLend proves the order of the sources, and that what cannot be read names its source and nothing of its content.
func TestLend(t *testing.T) {
	p := provider(t, `{"auths":{"r.io":{"auth":"`+encoded("file", "p")+`"},"x.io":{"auth":"`+encoded("file", "p")+`"}}}`,
		map[string]string{authEnv: `{"auths":{"r.io":{"auth":"` + encoded("env", "p") + `"}}}`})
	for source, text := range map[string]string{
		"broken": `{"auths":{"r.io":{"auth":"` + secret, "list": `["` + secret + `"]`, "empty": "", "nothing": "{}", "no hosts": `{"auths":{}}`,
		"a helper": `{"credsStore":"x/evil","credHelpers":{"r.io":"evil"}}`, "only broken ones": `{"auths":{"r.io":17,"x.io":{}}}`,
	} {
		err := p.Lend(source, []byte(text))
		var broken *ConfigError
		if !errors.As(err, &broken) || broken.Path != source || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", source, err)
		}
	}
	if err := p.Lend("first", []byte(`{"auths":{"r.io":{"username":"first","password":"p"}}}`)); err != nil {
		t.Fatal(err)
	}
	if err := p.Lend("half", []byte(`{"auths":{"broken.io":17,"half.io":{"username":"half","password":"p"}}}`)); err != nil {
		t.Fatal(err) // one entry does not take the others with it
	}
	if got, unread := p.keychain.find(t.Context(), purpose{host: "broken.io"}); got != (Credentials{}) || unread == nil || unread.Source != "half" {
		t.Errorf("got %+v, %v", got, unread)
	}
	if err := p.Lend("second", []byte(`{"https://r.io/v1/":{"auth":"`+encoded("second", "p")+`"},"y.io":{"auth":"`+encoded("second", "p")+`"}}`)); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"r.io": "first", "x.io": "file", "y.io": "second", "half.io": "half"} {
		got, unread := p.keychain.find(t.Context(), purpose{host: host})
		if got.Username != want || unread != nil {
			t.Errorf("%s: got %+v, %v", host, got, unread)
		}
	}
}
