package awskeys

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clean has no AWS settings but those given.
func clean(t *testing.T, env map[string]string) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("WebIdentityToken") != "jwt" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId>`+
			`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`+
			`</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
	}))
	defer sts.Close()
	for name, text := range map[string]string{
		".aws/config": "[default]\nregion = r\n[profile process]\n" +
			`credential_process = sh -c 'echo {\"Version\":1,\"AccessKeyId\":\"PROCESS\",\"SecretAccessKey\":\"s\"}'` + "\n" +
			"[profile static]\naws_access_key_id = CONFIG\naws_secret_access_key = s\n[profile broken]\ncredential_process = sh -c 'exit 3'\n",
		".aws/credentials": "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n[ci]\naws_access_key_id = CI\naws_secret_access_key = d\naws_session_token = e=\n",
		"token":            "jwt",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		env  map[string]string
		want Keys
		says string // the error
	}{
		"default":            {nil, Keys{"FILE", "s", ""}, ""},
		"profile":            {map[string]string{"AWS_PROFILE": "ci"}, Keys{"CI", "d", "e="}, ""},
		"config":             {map[string]string{"AWS_PROFILE": "static"}, Keys{"CONFIG", "s", ""}, ""},
		"credential_process": {map[string]string{"AWS_PROFILE": "process"}, Keys{"PROCESS", "s", ""}, ""},
		"environment first":  {map[string]string{"AWS_PROFILE": "ci", "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "e", "AWS_SESSION_TOKEN": "t"}, Keys{"ENV", "e", "t"}, ""},
		"web identity": {map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": filepath.Join(dir, "token"),
			"AWS_REGION": "r", "AWS_ENDPOINT_URL_STS": sts.URL}, Keys{"WEB", "s", "t"}, ""},
		"other file":     {map[string]string{"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none")}, Keys{}, ""},
		"no such":        {map[string]string{"AWS_PROFILE": "nope"}, Keys{}, "nope"},
		"broken process": {map[string]string{"AWS_PROFILE": "broken"}, Keys{}, "exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", dir)
			clean(t, test.env)
			got, err := Load(t.Context(), os.LookupEnv)
			if got != test.want || (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// Without a home directory the files of a checkout are not those of the user.
func TestCheckoutIsNoHome(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir(".aws", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config": "[default]\ncredential_process = touch ran\n", "credentials": "[default]\naws_access_key_id = EVIL\naws_secret_access_key = s\n"} {
		if err := os.WriteFile(filepath.Join(".aws", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, home := range []string{"", ".", "relative/.."} {
		clean(t, nil)
		t.Setenv("HOME", home)
		if got, _ := Load(t.Context(), os.LookupEnv); got.ID == "EVIL" {
			t.Errorf("HOME=%q: the checkout's keys are used", home)
		}
	}
	if _, err := os.Stat("ran"); err == nil {
		t.Error("a program that the checkout names was run")
	}
}
