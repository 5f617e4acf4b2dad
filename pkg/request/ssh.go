package request

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/moby/buildkit/session/sshforward"
	"github.com/moby/buildkit/session/sshforward/sshprovider"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// SSH are the agents and keys that steps and git sources may use: --ssh.
type SSH struct {
	SSHKeys []string // --ssh
}

const (
	sshFlag     = "--ssh"
	sshForm     = "default, or ID=SOCKET, or ID=KEY[,KEY]"
	agentSocket = "SSH_AUTH_SOCK"
	agentPipe   = `\\.\pipe\` // the agent's place on Windows
)

// apply provides an agent only if the user requests it, though a git context over ssh
// needs one: its Dockerfile may be untrusted, and its steps could use the agent.
func (o SSH) apply(r *Request, env Environment) error {
	var configs []sshprovider.AgentConfig
	typed := map[string]string{}
	for _, value := range o.SSHKeys {
		if value == "" {
			continue
		}
		config, err := parseSSH(value)
		if err != nil {
			return err
		}
		if _, twice := typed[config.ID]; twice {
			return &usage.Error{What: sshFlag, Value: value, Reason: `the ID "` + config.ID + `" is given twice`, Next: "give every agent an ID of its own"}
		}
		typed[config.ID] = value
		configs = append(configs, config)
	}
	if len(configs) == 0 && r.gitOverSSH {
		return &usage.Error{
			What: "PATH", Value: r.source.Typed, Reason: "git fetches it over ssh, and no agent or key is provided",
			Next: "add --ssh default; the steps of its Dockerfile may then use that agent too",
		}
	}
	for _, config := range configs {
		if err := o.check(sshFlag, typed[config.ID], config, env); err != nil {
			return err
		}
	}
	if len(configs) == 0 {
		return nil
	}
	return r.attachSSH(sshFlag, configs, env)
}

// parseSSH parses ID[=PATH,PATH][,raw=true].
func parseSSH(value string) (sshprovider.AgentConfig, error) {
	id, paths, given := strings.Cut(value, "=")
	config := sshprovider.AgentConfig{ID: id}
	if id == "" {
		config.ID = sshforward.DefaultID
	}
	if !given {
		return config, nil
	}
	for path := range strings.SplitSeq(paths, ",") {
		text, raw := strings.CutPrefix(path, "raw=")
		switch {
		case raw:
			yes, err := strconv.ParseBool(text)
			if err != nil {
				return config, &usage.Error{What: sshFlag, Value: value, Reason: "raw=" + text + " is not a boolean", Next: "use raw=true or raw=false"}
			}
			config.Raw = yes
		case path != "":
			config.Paths = append(config.Paths, path)
		}
	}
	if config.Raw && len(config.Paths) != 1 {
		return config, &usage.Error{What: sshFlag, Value: value, Reason: "raw=true needs one socket", Next: "use " + config.ID + "=SOCKET,raw=true"}
	}
	return config, nil
}

// check returns an error if the agent is missing. The provider would use the variables
// of the process, not those of the Environment.
func (o SSH) check(flag, typed string, config sshprovider.AgentConfig, env Environment) error {
	if socket, _ := env.LookupEnv(agentSocket); len(config.Paths) > 0 || socket != "" {
		return nil
	}
	return &usage.Error{
		What: flag, Value: typed, Reason: "ssh agent not found: $" + agentSocket + " is not set",
		Next: `start one with eval "$(ssh-agent)" and ssh-add, or name a key: --ssh ` + config.ID + "=~/.ssh/id_ed25519",
	}
}

// attachSSH adds the provider, which reads the keys.
func (r *Request) attachSSH(flag string, configs []sshprovider.AgentConfig, env Environment) error {
	for i := range configs {
		config := &configs[i]
		if len(config.Paths) == 0 {
			socket, _ := env.LookupEnv(agentSocket)
			config.Paths = []string{socket}
		}
		for j, path := range config.Paths {
			config.Paths[j] = absolute(env, path)
			if reason := noKey(config.Paths[j]); reason != "" {
				return &usage.Error{What: flag, Value: config.ID + "=" + path, Reason: reason, Next: "use " + sshForm}
			}
		}
		if _, err := sshprovider.NewSSHAgentProvider([]sshprovider.AgentConfig{*config}); err != nil {
			return &usage.Error{What: flag, Value: config.ID + "=" + strings.Join(config.Paths, ","), Reason: sshReason(err), Next: sshAdvice(err)}
		}
	}
	provider, err := sshprovider.NewSSHAgentProvider(configs)
	if err != nil {
		return &usage.Error{What: flag, Reason: sshReason(err)}
	}
	r.session = append(r.session, provider)
	return nil
}

// noKey says why the provider must not open the path: it would wait for what is neither a key nor a
// socket of an agent.
func noKey(path string) string {
	info, err := safefile.Stat(path)
	if err != nil || info.Mode().IsRegular() || info.Mode()&fs.ModeSocket != 0 || strings.HasPrefix(path, agentPipe) {
		return "" // the provider reports a missing file
	}
	return "it is " + safefile.Kind(info.Mode()) + ", and neither a key nor the socket of an agent"
}

// sshReason returns the cause without the prefixes that name Go types, operations and the ID.
func sshReason(err error) string {
	var file *fs.PathError
	if errors.As(err, &file) {
		return file.Path + ": " + file.Err.Error()
	}
	parts := strings.Split(err.Error(), ": ")
	for i, part := range parts {
		if !strings.HasPrefix(part, "failed to convert agent config") && !strings.HasPrefix(part, `"`) {
			return strings.Join(parts[i:], ": ")
		}
	}
	return err.Error()
}

func sshAdvice(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "passphrase"):
		return "a key with a passphrase is used through an agent: ssh-add KEY, then --ssh default"
	case strings.Contains(text, "no such file"):
		return "check the path; $" + agentSocket + " or --ssh may name an agent that has ended"
	}
	return "use " + sshForm
}
