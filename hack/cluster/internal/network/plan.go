// Package network is the cluster's addresses and the bridge, namespaces and routes that carry them. It must not know
// what listens on them.
package network

import (
	"fmt"
	"net/netip"
)

// MaxNodes is how many nodes the address plan has room for.
const MaxNodes = 20

// Plan derives every name and address of a cluster from a number, so that two clusters can live on one machine.
type Plan struct {
	Index int // 0 to 9
	Nodes int // 1 to MaxNodes
}

// NewPlan checks the numbers.
func NewPlan(index, nodes int) (Plan, error) {
	if index < 0 || index > 9 {
		return Plan{}, fmt.Errorf("planning network: cluster index %d is not between 0 and 9", index)
	}
	if nodes < 1 || nodes > MaxNodes {
		return Plan{}, fmt.Errorf("planning network: %d nodes are not between 1 and %d", nodes, MaxNodes)
	}
	return Plan{Index: index, Nodes: nodes}, nil
}

// Name is the cluster's short name: its bridge, its cgroup and its directory in /run are called so.
func (p Plan) Name() string { return fmt.Sprintf("kbk%d", p.Index) }

// RunDir is the directory of sockets, short because a socket's path may have only 107 bytes.
func (p Plan) RunDir() string { return "/run/" + p.Name() }

// NodeName is the name of node number n, counted from 1.
func (p Plan) NodeName(n int) string { return fmt.Sprintf("node-%d", n) }

// Namespace is the path of node n's network namespace.
func (p Plan) Namespace(n int) string { return "/run/netns/" + p.namespaceName(n) }

// Host is the address of the machine on the bridge: the API server and the registries listen there.
func (p Plan) Host() netip.Addr { return netip.AddrFrom4([4]byte{10, 210, byte(p.Index), 1}) }

// HostPort is an address of the machine on the bridge with a port.
func (p Plan) HostPort(port int) string {
	return netip.AddrPortFrom(p.Host(), uint16(port)).String()
}

// Node is the address of node n.
func (p Plan) Node(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 210, byte(p.Index), byte(10 + n)})
}

// Pods is the range of every Pod of the cluster.
func (p Plan) Pods() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(220 + p.Index), 0, 0}), 16)
}

// NodePods is the range of the Pods of node n.
func (p Plan) NodePods(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(220 + p.Index), byte(n), 0}), 24)
}

// Services is the range of service addresses.
func (p Plan) Services() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(230 + p.Index), 0, 0}), 16)
}

// KubernetesService is the service address of the API server, the first of the range.
func (p Plan) KubernetesService() netip.Addr { return p.Services().Addr().Next() }

func (p Plan) namespaceName(n int) string { return p.Name() + "-" + p.NodeName(n) }

func (p Plan) veth(n int) string { return fmt.Sprintf("%sv%d", p.Name(), n) }
