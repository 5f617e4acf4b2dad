package request

import (
	"strings"

	"github.com/moby/buildkit/session/secrets/secretsprovider"
)

// KeptSecret is a value that somebody else keeps and that is still to be given:
// --secret id=…,k8s=SECRET/KEY.
type KeptSecret struct {
	Typed     string // the value of --secret
	Name, Key string // of the Secret, and in it
	give      func(value []byte) error
}

// Give is called once before the build, with the value.
func (s KeptSecret) Give(value []byte) error { return s.give(value) }

// KeptSecrets are the values to give before the request is sent.
func (r *Request) KeptSecrets() []KeptSecret { return r.keptSecrets }

func (r *Request) keep(s secret, values map[string][]byte) {
	name, key, _ := strings.Cut(s.k8s, "/")
	r.keptSecrets = append(r.keptSecrets, KeptSecret{Typed: s.typed, Name: name, Key: key, give: func(value []byte) error {
		if len(value) > secretsprovider.MaxSecretSize {
			return s.tooLarge()
		}
		values[s.id] = value
		return nil
	}})
}

// validKept says whether the text is NAME/KEY of a Secret, as a cluster may have it.
func validKept(text string) bool {
	name, key, found := strings.Cut(text, "/")
	return found && onlyHas(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") &&
		onlyHas(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
}

func onlyHas(text, characters string) bool {
	return text != "" && strings.Trim(text, characters) == ""
}
