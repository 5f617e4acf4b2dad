package request

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/session/secrets/secretsprovider"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Secrets are values that steps can read and that are not stored in the image:
// --secret.
type Secrets struct {
	Secret []string // --secret
}

const (
	secretFlag = "--secret"
	secretForm = "id=NAME[,src=FILE], id=NAME,env=VARIABLE or id=NAME,k8s=SECRET/KEY"
)

// secret is one --secret as typed: an ID and the source of its value.
type secret struct {
	typed string
	id    string
	file  string
	env   string
	k8s   string
}

// apply reads the values before the build, to report missing files, and since the pipe
// of a shell's <(program) can be read only once.
func (o Secrets) apply(r *Request, env Environment) error {
	values := map[string][]byte{}
	for _, value := range o.Secret {
		if value == "" {
			continue
		}
		s, err := parseSecret(value)
		if err != nil {
			return err
		}
		if s.k8s != "" {
			r.keep(s, values)
			continue
		}
		text, err := s.read(r, env)
		if err != nil {
			return err
		}
		values[s.id] = text
	}
	if len(values)+len(r.keptSecrets) > 0 {
		r.session = append(r.session, secretsprovider.FromMap(values))
	}
	return nil
}

func parseSecret(value string) (secret, error) {
	s := secret{typed: value}
	fields, err := parseFields(secretFlag, value)
	if err != nil {
		return s, err
	}
	kind := ""
	for _, f := range fields {
		switch f.key {
		case "":
			return s, notPair(secretFlag, value, f, secretForm)
		case "type":
			if f.value != "file" && f.value != "env" {
				return s, s.wrong(`unknown type "`+f.value+`"`, "use type=file or type=env")
			}
			kind = f.value
		case "id":
			s.id = f.value
		case "src", "source":
			s.file = f.value
		case "env":
			s.env = f.value
		case "k8s":
			s.k8s = f.value
			if !validKept(s.k8s) {
				return s, s.wrong("k8s= is not SECRET/KEY", "use id=NAME,k8s=SECRET/KEY: a Secret of the builder's namespace, and one of its keys")
			}
		default:
			return s, s.wrong(`unknown key "`+f.key+`"`, "use "+secretForm)
		}
	}
	if kind == "env" && s.env == "" {
		s.env, s.file = s.file, ""
	}
	return s, s.check(kind)
}

func (s secret) check(kind string) error {
	switch {
	case s.id == "":
		return s.wrong("id= is missing", "use "+secretForm)
	case s.k8s != "" && (s.env != "" || s.file != "" || kind != ""):
		return s.wrong("it names both a Secret of the cluster and a local source", "leave out k8s=, or src=, env= and type=")
	case s.env != "" && s.file != "":
		return s.wrong("it names both a file and a variable", "leave out src= or env=")
	case kind == "file" && s.env != "":
		return s.wrong("type=file does not read a variable", "leave out type=, or use src=FILE")
	}
	return nil
}

// read returns the value of the variable or the file, by default those with the ID as
// name.
func (s secret) read(r *Request, env Environment) ([]byte, error) {
	name, file := s.env, s.file
	if name == "" && file == "" {
		if _, found := env.LookupEnv(s.id); found {
			name = s.id
		} else {
			file = s.id
		}
	}
	if file != "" {
		return s.readFile(absolute(env, file))
	}
	text, found := env.LookupEnv(name)
	if !found {
		r.warnings = append(r.warnings, fmt.Sprintf("%s %q: $%s is not set, so the secret is empty", secretFlag, s.typed, name))
	}
	if len(text) > secretsprovider.MaxSecretSize {
		return nil, s.tooLarge()
	}
	return []byte(text), nil
}

func (s secret) readFile(path string) ([]byte, error) {
	text, err := safefile.Read(path, secretsprovider.MaxSecretSize)
	var large *safefile.TooLargeError
	switch {
	case errors.As(err, &large):
		return nil, s.tooLarge()
	case err != nil && s.file != "":
		return nil, s.wrong(err.Error(), "check the path; it is relative to the working directory")
	case err != nil:
		return nil, s.wrong(err.Error(), "name the file with src=, or the variable with env=")
	}
	return text, nil
}

func (s secret) tooLarge() error {
	return s.wrong(fmt.Sprintf("it is larger than %d bytes", secretsprovider.MaxSecretSize), "send large files as --build-context")
}

func (s secret) wrong(reason, next string) error {
	return &usage.Error{What: secretFlag, Value: s.typed, Reason: reason, Next: next}
}

// KeptSecret is a value in a Secret of the cluster, which the caller must read and pass
// to Give: --secret id=…,k8s=SECRET/KEY.
type KeptSecret struct {
	Typed     string // the value of --secret
	Name, Key string // of the Secret, and in it
	give      func(value []byte) error
}

// Give sets the value. It is called once, before the build.
func (s KeptSecret) Give(value []byte) error { return s.give(value) }

// KeptSecrets returns the values that must be set before the request is sent.
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

// validKept reports whether the text is a valid NAME/KEY of a Secret.
func validKept(text string) bool {
	name, key, found := strings.Cut(text, "/")
	return found && onlyHas(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") &&
		onlyHas(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
}

func onlyHas(text, characters string) bool {
	return text != "" && strings.Trim(text, characters) == ""
}
