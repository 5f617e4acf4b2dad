package kube

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
)

// Excess is a resource of which an object would take more than its quota leaves.
type Excess struct {
	// Resource is the quota's name for it, e.g. "limits.memory", "cpu" or "pods".
	Resource                 corev1.ResourceName
	Requested, Used, Limited quantity.Quantity
}

// Room is what the quota leaves once something else has gone.
func (e Excess) Room(frees corev1.ResourceList) quantity.Quantity {
	room := e.Limited.DeepCopy()
	room.Sub(e.Used)
	room.Add(frees[e.Resource])
	return room
}

// Excesses reads a quota's "exceeded quota: q, requested: limits.memory=2Gi,pods=1, used: …,
// limited: …"; empty for other refusals.
func (e *AdmissionError) Excesses() []Excess {
	parts := regexp.MustCompile(`exceeded quota: \S+, requested: (\S+), used: (\S+), limited: (\S+)`).FindStringSubmatch(e.Message)
	if parts == nil {
		return nil
	}
	used, limited := amounts(parts[2]), amounts(parts[3])
	var list []Excess
	for name, requested := range amounts(parts[1]) {
		list = append(list, Excess{Resource: name, Requested: requested, Used: used[name], Limited: limited[name]})
	}
	return list
}

func amounts(text string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		if amount, err := quantity.ParseQuantity(value); err == nil {
			list[corev1.ResourceName(name)] = amount
		}
	}
	return list
}

// Usage is what a Pod takes of a quota, under the quota's names.
func Usage(pod corev1.PodSpec) corev1.ResourceList {
	usage := corev1.ResourceList{corev1.ResourcePods: quantity.MustParse("1"), "count/pods": quantity.MustParse("1")}
	add := func(name corev1.ResourceName, amount quantity.Quantity) {
		sum := usage[name]
		sum.Add(amount)
		usage[name] = sum
	}
	for _, container := range pod.Containers {
		for name, limit := range container.Resources.Limits {
			add("limits."+name, limit)
			if _, given := container.Resources.Requests[name]; !given { // it is requested, as much
				add("requests."+name, limit)
				add(name, limit)
			}
		}
		for name, request := range container.Resources.Requests {
			add("requests."+name, request)
			add(name, request)
		}
	}
	return usage
}
