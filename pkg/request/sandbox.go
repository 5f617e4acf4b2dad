package request

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/util/entitlements"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Sandbox has the environment of the steps: their network, hosts and limits.
type Sandbox struct {
	AddHosts     []string // --add-host
	Network      string   // --network; "" means default
	CgroupParent string   // --cgroup-parent
	ShmSize      string   // --shm-size; "" means the builder's
	Ulimits      []string // --ulimit
	Resources    []string // --resource
	ProxyNetwork bool     // --proxy-network
}

const (
	networkDefault = "default"
	networkHost    = "host"
	networkNone    = "none"
	hostGateway    = "host-gateway"
	addHostForm    = "NAME=ADDRESS, e.g. db.example.com=10.0.0.7"
)

func (o Sandbox) apply(r *Request, _ Environment) error {
	r.proxyNetwork = o.ProxyNetwork
	if err := o.applyNetwork(r); err != nil {
		return err
	}
	if o.CgroupParent != "" {
		r.attrs["cgroup-parent"] = o.CgroupParent
	}
	hosts := make([]string, 0, len(o.AddHosts))
	for _, value := range o.AddHosts {
		parsed, err := parseHost(value)
		if err != nil {
			return err
		}
		hosts = append(hosts, parsed...)
	}
	if len(hosts) > 0 {
		r.attrs["add-hosts"] = strings.Join(hosts, ",")
	}
	if err := o.applyShmSize(r); err != nil {
		return err
	}
	if err := applyUlimits(r, o.Ulimits); err != nil {
		return err
	}
	return applyResources(r, o.Resources)
}

// applyNetwork adds the entitlement for the host's network if it is requested, as
// docker does; the builder may still forbid it.
func (o Sandbox) applyNetwork(r *Request) error {
	switch o.Network {
	case "", networkDefault:
	case networkHost:
		r.attrs["force-network-mode"] = o.Network
		r.allowed = append(r.allowed, "network.host")
	case networkNone:
		r.attrs["force-network-mode"] = o.Network
	default:
		return &usage.Error{
			What: "--network", Value: o.Network, Reason: "a builder in a cluster has no such network",
			Next: "use default, none, or host, which is the network of the builder's Pod",
		}
	}
	return nil
}

func (o Sandbox) applyShmSize(r *Request) error {
	if o.ShmSize == "" {
		return nil
	}
	size, err := ParseBytes(o.ShmSize)
	if err != nil {
		return &usage.Error{What: "--shm-size", Value: o.ShmSize, Reason: err.Error(), Next: "use a number and a unit, e.g. 128m"}
	}
	if size > 0 {
		r.attrs["shm-size"] = strconv.FormatInt(size, 10)
	}
	return nil
}

// parseHost parses NAME=ADDRESS or NAME:ADDRESS and returns the frontend's form, an
// entry for each address.
func parseHost(value string) ([]string, error) {
	wrong := func(reason, next string) error {
		return &usage.Error{What: "--add-host", Value: value, Reason: reason, Next: next}
	}
	name, address, ok := strings.Cut(value, "=")
	if !ok {
		name, address, ok = strings.Cut(value, ":")
	}
	switch {
	case !ok || name == "" || address == "":
		return nil, wrong("it is not a name and an address", "use "+addHostForm)
	case strings.ContainsAny(name, ", \t\n"):
		return nil, wrong(`"`+name+`" is not a valid name of a host`, "use "+addHostForm)
	case address == hostGateway:
		return nil, wrong("host-gateway is the machine of a docker engine, and a builder in a cluster has none", "name an address: "+name+"=ADDRESS")
	}
	var hosts []string
	for part := range strings.SplitSeq(address, ",") {
		if len(part) > 2 && part[0] == '[' && part[len(part)-1] == ']' {
			part = part[1 : len(part)-1]
		}
		if net.ParseIP(part) == nil {
			return nil, wrong(`"`+part+`" is not a valid IP address`, "use "+addHostForm)
		}
		hosts = append(hosts, name+"="+part)
	}
	return hosts, nil
}

// Entitlements are the entitlements of the build: --allow.
type Entitlements struct {
	Allow []string // --allow
}

// localDelete allows an output with mode=delete to empty any directory. It is not sent
// to the daemon.
const localDelete = "buildx.local.delete"

func (o Entitlements) apply(r *Request, _ Environment) error {
	for _, value := range o.Allow {
		switch {
		case value == "":
			continue
		case value == localDelete:
			r.deleteAnywhere = true
			continue
		case strings.HasPrefix(value, localDelete+"="):
			return &usage.Error{What: "--allow", Value: value, Reason: localDelete + " takes no value", Next: "use --allow " + localDelete}
		}
		if _, _, err := entitlements.Parse(value); err != nil {
			return &usage.Error{
				What: "--allow", Value: value, Reason: err.Error(),
				Next: "use network.host, security.insecure, device[=NAME] or " + localDelete,
			}
		}
		if !slices.Contains(r.allowed, value) {
			r.allowed = append(r.allowed, value)
		}
	}
	return nil
}
