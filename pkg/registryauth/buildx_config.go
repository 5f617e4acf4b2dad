package registryauth

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

const buildxEnv = "BUILDX_CONFIG"

// scoped is a config of buildx for one registry, or one of its repositories, or only for pushes:
// buildx/config/HOST[/REPOSITORY][@SCOPE,…]/config.json beside the docker config.
type scoped struct {
	file    string
	host    string
	path    string
	actions []string
}

// findScoped returns the configs of buildx. It ignores directories that cannot be listed.
func findScoped(opts Options) []scoped {
	dir, _ := opts.LookupEnv(buildxEnv)
	if dir == "" {
		if opts.Directory == "" {
			return nil
		}
		dir = filepath.Join(opts.Directory, "buildx")
	}
	base, err := filepath.Abs(filepath.Join(dir, "config"))
	if err != nil {
		return nil
	}
	var list []scoped
	_ = filepath.WalkDir(base, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != configFile {
			return nil //nolint:nilerr // what cannot be read is not a config
		}
		if key, err := filepath.Rel(base, filepath.Dir(file)); err == nil && key != "." {
			list = append(list, parseScoped(file, filepath.ToSlash(key)))
		}
		return nil
	})
	return list
}

func parseScoped(file, key string) scoped {
	name, actions, _ := strings.Cut(key, "@")
	one := scoped{file: file}
	one.host, one.path, _ = strings.Cut(name, "/")
	for action := range strings.SplitSeq(actions, ",") {
		if action = strings.TrimSpace(action); action != "" {
			one.actions = append(one.actions, action)
		}
	}
	return one
}

func (s scoped) loaded() loaded {
	parsed, faults := readConfig(s.file)
	return loaded{name: s.file, origin: FromScope, config: parsed, faults: faults}
}

// scopedFor returns those for the purpose, the most specific first: by repository, then by scope.
func (k *keychain) scopedFor(at purpose) []scoped {
	has := []string{"pull"}
	if at.push {
		has = append(has, "push")
	}
	var list []scoped
	for _, each := range k.scoped {
		suits := slices.Contains(keysOf(at.host), each.host) && (each.path == "" || each.path == at.path)
		for _, action := range each.actions {
			suits = suits && slices.Contains(has, action)
		}
		if suits && (at.path != "" || len(each.actions) == 0) {
			list = append(list, each)
		}
	}
	slices.SortStableFunc(list, func(a, b scoped) int {
		if order := len(b.path) - len(a.path); order != 0 {
			return order
		}
		return len(b.actions) - len(a.actions)
	})
	return list
}
