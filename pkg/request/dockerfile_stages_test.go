package request

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestEmulated(t *testing.T) {
	const cross = "FROM --platform=$BUILDPLATFORM golang AS build\nRUN go build\n"
	for _, c := range []struct {
		name, dockerfile, target string
		want                     []string
	}{
		{"a step", "FROM alpine\nRUN true\n", "", []string{"linux/arm64"}},
		{"no step", "FROM alpine\nCOPY x /\n", "", nil},
		{"cross-compiled", cross + "FROM scratch\nCOPY --from=build /app /\n", "", nil},
		{"cross-compiled with braces", "FROM --platform=${BUILDPLATFORM} golang\nRUN go build\n", "", nil},
		{"a step after cross-compiling", cross + "FROM alpine\nCOPY --from=build /app /\nRUN true\n", "", []string{"linux/arm64"}},
		{"only the base has a step", "FROM alpine AS base\nRUN true\nFROM base\nCOPY x /\n", "", []string{"linux/arm64"}},
		{"the base is native", cross + "FROM build\nRUN true\n", "", nil},
		{"a stage by number", "FROM alpine\nRUN true\nFROM scratch\nCOPY --from=0 /x /\n", "", []string{"linux/arm64"}},
		{"a mount", "FROM alpine AS m\nRUN true\nFROM --platform=$BUILDPLATFORM alpine\nRUN --mount=type=bind,from=m true\n", "", []string{"linux/arm64"}},
		{"a stage that is not needed", "FROM alpine AS test\nRUN true\nFROM scratch\nCOPY x /\n", "", nil},
		{"the target needs it", "FROM alpine AS test\nRUN true\nFROM scratch\nCOPY x /\n", "test", []string{"linux/arm64"}},
		{"a fixed platform", "FROM --platform=linux/amd64 alpine\nRUN true\n", "", nil},
		{"a fixed foreign one", "FROM --platform=linux/s390x alpine\nRUN true\n", "", []string{"linux/arm64"}},
		{"an argument", "ARG P\nFROM --platform=$P alpine\nRUN true\n", "", []string{"linux/arm64"}},
		{"not a Dockerfile", "{", "", []string{"linux/arm64"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(c.dockerfile), 0o600); err != nil {
				t.Fatal(err)
			}
			options := Options{Input: Input{Path: dir}}
			options.Platforms, options.Target = []string{"linux/amd64,linux/arm64"}, c.target
			r, err := New(t.Context(), options, Environment{WorkingDir: dir, LookupEnv: func(string) (string, bool) { return "", false }})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Emulated([]string{"linux/amd64", "linux/amd64/v2"}); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := r.Emulated([]string{"linux/amd64", "linux/arm64"}); len(got) > 0 {
				t.Errorf("emulation is there, got %q", got)
			}
		})
	}
}

func TestEmulatedWithoutPlatform(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM alpine\nRUN true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := New(t.Context(), Options{Input: Input{Path: dir}}, Environment{WorkingDir: dir, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Emulated([]string{"linux/riscv64"}); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestStages(t *testing.T) {
	const text = "FROM scratch AS build\nFROM build\nfrom scratch as Test.2\nFROM scratch AS $(id)\nFROM build AS\n"
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   []string
	}{
		{"a Dockerfile", func(o *Options) { o.Input = Input{Path: "."} }, []string{"build", "Test.2"}},
		{"another place", func(o *Options) { o.Input = Input{Path: "https://example.com/a.git"} }, nil},
	} {
		env := workspace(t, nil)
		if err := os.WriteFile(filepath.Join(env.WorkingDir, "Dockerfile"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := New(t.Context(), with(c.change), env)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Stages(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
