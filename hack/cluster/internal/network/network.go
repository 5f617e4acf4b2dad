package network

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Create makes the bridge and one namespace per node, with routes between the Pods of all nodes and the machine.
// Nothing is translated on the way: every Pod address is routed, so no rule is left on the machine.
func Create(ctx context.Context, plan Plan) error {
	bridge := plan.Name()
	commands := []string{
		fmt.Sprintf("link add %s type bridge", bridge),
		fmt.Sprintf("addr add %s/24 dev %s", plan.Host(), bridge),
		fmt.Sprintf("link set %s up", bridge),
	}
	for n := 1; n <= plan.Nodes; n++ {
		name := plan.namespaceName(n)
		commands = append(commands,
			"netns add "+name,
			fmt.Sprintf("link add %s type veth peer name eth0 netns %s", plan.veth(n), name),
			fmt.Sprintf("link set %s master %s up", plan.veth(n), bridge),
			fmt.Sprintf("-n %s link set lo up", name),
			fmt.Sprintf("-n %s addr add %s/24 dev eth0", name, plan.Node(n)),
			fmt.Sprintf("-n %s link set eth0 up", name),
			fmt.Sprintf("-n %s route add default via %s", name, plan.Host()),
			fmt.Sprintf("route add %s via %s", plan.NodePods(n), plan.Node(n)),
		)
		for other := 1; other <= plan.Nodes; other++ {
			if other != n {
				commands = append(commands, fmt.Sprintf("-n %s route add %s via %s", name, plan.NodePods(other), plan.Node(other)))
			}
		}
	}
	for _, command := range commands {
		if err := ip(ctx, command); err != nil {
			return err
		}
	}
	for n := 1; n <= plan.Nodes; n++ {
		if err := enableForwarding(ctx, plan.Namespace(n)); err != nil {
			return fmt.Errorf("preparing network of node %q: %w", plan.NodeName(n), err)
		}
	}
	return nil
}

// enableForwarding lets the namespace route for its Pods, and lets kube-proxy see what goes over the Pods' bridge (else
// a Pod could not reach, by a service's address, a Pod of its own node). /proc/sys/net shows the namespace of who reads it.
func enableForwarding(ctx context.Context, namespace string) error {
	script := "echo 1 >/proc/sys/net/ipv4/ip_forward; " +
		"if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; fi"
	return run(ctx, "nsenter", "--net="+namespace, "sh", "-ec", script)
}

// Delete removes whatever Create left on the machine for this plan's name, in whatever state and with any number of nodes.
func Delete(ctx context.Context, plan Plan) error {
	links, err := filepath.Glob("/sys/class/net/" + plan.Name() + "v*")
	if err != nil {
		return fmt.Errorf("listing network links: %w", err)
	}
	// The veth of a namespace goes some time after the namespace; taken away by name it is gone at once.
	if _, err := os.Stat("/sys/class/net/" + plan.Name()); err == nil {
		links = append(links, plan.Name())
	}
	for _, link := range links {
		if err := ip(ctx, "link delete "+filepath.Base(link)); err != nil {
			return err
		}
	}
	namespaces, err := filepath.Glob("/run/netns/" + plan.Name() + "-*")
	if err != nil {
		return fmt.Errorf("listing network namespaces: %w", err)
	}
	for _, namespace := range namespaces {
		if err := ip(ctx, "netns delete "+filepath.Base(namespace)); err != nil {
			return err
		}
	}
	return nil
}

func ip(ctx context.Context, arguments string) error {
	return run(ctx, "ip", strings.Fields(arguments)...)
}

func run(ctx context.Context, name string, arguments ...string) error {
	output, err := exec.CommandContext(ctx, name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %q: %w: %s", name+" "+strings.Join(arguments, " "), err, bytes.TrimSpace(output))
	}
	return nil
}
