package request

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestUsageErrors(t *testing.T) {
	long := strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		change func(*Options)
		flag   string
		want   []string
	}{
		"no context":            {func(o *Options) { o.Path = "nope" }, "PATH", []string{"no such directory"}},
		"no Dockerfile":         {func(o *Options) { o.File = "nope" }, "--file", []string{"no such file"}},
		"upper-case tag":        {func(o *Options) { o.Tags = []string{"Example.com/App:V1"} }, "--tag", []string{`use "example.com/app:V1"`}},
		"tag with a scheme":     {func(o *Options) { o.Tags = []string{"https://example.com/a"} }, "--tag", []string{`"example.com/a"`}},
		"tags in a list":        {func(o *Options) { o.Tags = []string{"a,b"} }, "--tag", []string{"once for each name"}},
		"empty tag":             {func(o *Options) { o.Tags = []string{""} }, "--tag", []string{"[registry/]repository[:tag]"}},
		"an ID as tag":          {func(o *Options) { o.Tags = []string{long} }, "--tag", []string{"64"}},
		"digest as tag":         {func(o *Options) { o.Tags = []string{"a@sha256:" + long} }, "--tag", []string{"digest"}},
		"empty key":             {func(o *Options) { o.BuildArgs = []string{"=x"} }, "--build-arg", []string{"the key is empty"}},
		"empty label":           {func(o *Options) { o.Labels = []string{""} }, "--label", []string{"the key is empty"}},
		"empty syntax":          {func(o *Options) { o.BuildArgs = []string{"BUILDKIT_SYNTAX= "} }, "--build-arg", []string{"the image of the frontend is missing"}},
		"platform":              {func(o *Options) { o.Platforms = []string{"linux/amd64,a/b/c/d"} }, "--platform", []string{`"a/b/c/d"`, "os/arch"}},
		"empty platform":        {func(o *Options) { o.Platforms = []string{"linux/amd64,"} }, "--platform", []string{"os/arch"}},
		"push without a name":   {func(o *Options) { o.Push = true }, "--push", []string{"no name", "--tag"}},
		"registry without name": {func(o *Options) { o.Outputs = []string{"type=registry"} }, "--output", []string{"no name"}},
		"output type":           {func(o *Options) { o.Outputs = []string{"type=oic,dest=x"} }, "--output", []string{`"oic"`, "cacheonly"}},
		"output without type":   {func(o *Options) { o.Outputs = []string{"dest=x,name=y"} }, "--output", []string{"type= is missing"}},
		"output attribute":      {func(o *Options) { o.Outputs = []string{"type=image,psuh=true"} }, "--output", []string{`"psuh"`, "push-by-digest"}},
		"output boolean":        {func(o *Options) { o.Outputs = []string{"type=image,push=ja"} }, "--output", []string{"push=ja", "push=true"}},
		"output number":         {func(o *Options) { o.Outputs = []string{"type=oci,dest=x,compression-level=top"} }, "--output", []string{"not a number"}},
		"output compression":    {func(o *Options) { o.Outputs = []string{"type=oci,dest=x,compression=rar"} }, "--output", []string{"zstd"}},
		"output name":           {func(o *Options) { o.Outputs = []string{"type=image,name=UPPER"} }, "--output", []string{`use "upper"`}},
		"output= for dest=":     {func(o *Options) { o.Outputs = []string{"type=oci,output=x.tar"} }, "--output", []string{"dest=x.tar"}},
		"output not a pair":     {func(o *Options) { o.Outputs = []string{"type=oci,x.tar"} }, "--output", []string{`"x.tar" is not key=value`}},
		"output quotes":         {func(o *Options) { o.Outputs = []string{`type=oci,"dest=x`} }, "--output", []string{"cannot parse"}},
		"annotation type":       {func(o *Options) { o.Outputs = []string{"type=image,annotation-foo.x=y"} }, "--output", []string{"annotation"}},
		"cacheonly attribute":   {func(o *Options) { o.Outputs = []string{"type=cacheonly,name=x"} }, "--output", []string{"no attributes"}},
		"image with dest":       {func(o *Options) { o.Outputs = []string{"type=image,dest=x"} }, "--output", []string{"dest="}},
		"docker without dest":   {func(o *Options) { o.Outputs = []string{"type=docker"} }, "--output", []string{"no docker engine"}},
		"local without dest":    {func(o *Options) { o.Outputs = []string{"type=local"} }, "--output", []string{"dest= is missing"}},
		"local to stdout":       {func(o *Options) { o.Outputs = []string{"type=local,dest=-"} }, "--output", []string{"type=tar,dest=-"}},
		"local into a file":     {func(o *Options) { o.Outputs = []string{"Dockerfile"} }, "--output", []string{"is a file"}},
		"tar into a directory":  {func(o *Options) { o.Outputs = []string{"type=tar,dest=."} }, "--output", []string{"is a directory"}},
		"local mode":            {func(o *Options) { o.Outputs = []string{"type=local,dest=x,mode=move"} }, "--output", []string{"mode=copy"}},
		"delete everything":     {func(o *Options) { o.Outputs = []string{"type=local,dest=.,mode=delete"} }, "--output", []string{"mode=delete would empty"}},
		"delete above":          {func(o *Options) { o.Outputs = []string{"type=local,dest=../x,mode=delete"} }, "--output", []string{"not below"}},
		"stdout twice":          {func(o *Options) { o.Outputs = []string{"-", "type=oci"} }, "--output", []string{"standard output is taken"}},
		"two layouts": {
			func(o *Options) { o.Outputs = []string{"type=oci,tar=false,dest=a", "type=oci,tar=false,dest=b"} },
			"--output", []string{"only one"},
		},
		"docker of two platforms": {
			func(o *Options) {
				o.Outputs, o.Platforms = []string{"type=docker,dest=x"}, []string{"linux/amd64,linux/arm64"}
			},
			"--output", []string{"one platform", "type=oci"},
		},
		"metadata in nowhere":     {func(o *Options) { o.MetadataFile = "a/b/c" }, "--metadata-file", []string{"no such directory"}},
		"metadata is a directory": {func(o *Options) { o.MetadataFile = "." }, "--metadata-file", []string{"it is a directory"}},
		"image ID of files": {
			func(o *Options) { o.ImageIDFile, o.Outputs = "id", []string{"out"} },
			"--iidfile", []string{"type=local has no image ID"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(t.Context(), with(test.change), workspace(t, nil))
			var wrong *usage.Error
			if !errors.As(err, &wrong) {
				t.Fatalf("got %v, want a usage.Error", err)
			}
			if wrong.What != test.flag {
				t.Errorf("it names %q, want %q", wrong.What, test.flag)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than a line", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestEnvironmentErrors(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		defaultPlatformEnv: {defaultPlatformEnv: "a/b/c/d"},
		noAttestationsEnv:  {noAttestationsEnv: "ja"},
	} {
		_, err := New(t.Context(), valid(), workspace(t, variables))
		var wrong *usage.Error
		if !errors.As(err, &wrong) || wrong.What != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
	env := workspace(t, nil)
	env.StdoutIsTerminal = true
	_, err := New(t.Context(), with(func(o *Options) { o.Outputs = []string{"-"} }), env)
	if err == nil || !strings.Contains(err.Error(), "terminal") {
		t.Errorf("an archive to a terminal: got %v", err)
	}
}
