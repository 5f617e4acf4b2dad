package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Check says, as a *usage.Error, what is wrong with the patches of a Spec that is valid otherwise:
// whether they fit the objects is known once these are made.
func Check(spec builder.Spec) error {
	if len(spec.Patch) == 0 {
		return nil
	}
	anything := trust.Pair{Certificate: []byte("-"), Key: []byte("-")}
	_, err := New(spec, &trust.Certificates{CA: []byte("-"), Server: anything, Client: anything})
	return err
}

// patches are the user's, and which of them have found their object.
type patches struct {
	spec builder.Spec
	all  []builder.Patch
	used []bool
	has  []Object // the objects that there are
}

func patchesOf(spec builder.Spec) (*patches, error) {
	if len(spec.Patch) == 0 {
		return &patches{}, nil
	}
	all, err := builder.ParsePatches(spec.Patch)
	for n, patch := range all { // they were written for the builder whose family this one belongs to
		if rest, found := strings.CutPrefix(patch.Name, spec.Family); spec.Family != "" && found && (rest == "" || rest[0] == '-') {
			all[n].Name = spec.Name + rest
		}
	}
	return &patches{spec: spec, all: all, used: make([]bool, len(all))}, err
}

// apply changes the objects as the patches say, and judges the result.
func (p *patches) apply(objects ...Object) error {
	for _, object := range objects {
		p.has = append(p.has, object)
		for n, patch := range p.all {
			if patch.Kind != kindOf(object) || patch.Name != "" && patch.Name != object.GetName() {
				continue
			}
			if patch.Name == "" && patch.Kind == "Secret" {
				return faulty(patch.Kind, "there are two of them", "name one as metadata.name: "+
					builder.ClientSecretName(p.spec.Name)+" or "+builder.ServerSecretName(p.spec.Name))
			}
			p.used[n] = true
			if err := p.change(object, patch); err != nil {
				return err
			}
		}
	}
	return nil
}

// change applies one patch.
func (p *patches) change(object Object, patch builder.Patch) error {
	before, err := Fields(object)
	if err != nil {
		return err
	}
	merged, err := strategicpatch.StrategicMergeMapPatch(runtime.DeepCopyJSON(before), runtime.DeepCopyJSON(patch.Fields), object)
	if err != nil {
		return faulty(patch.Kind, err.Error(), "")
	}
	text, err := json.Marshal(merged)
	if err != nil {
		return fmt.Errorf("printing %s: %w", object.GetName(), err)
	}
	changed, ok := reflect.New(reflect.TypeOf(object).Elem()).Interface().(Object)
	if !ok {
		return fmt.Errorf("copying %s", object.GetName())
	}
	if err := builder.DecodeStrictly(text, changed); err != nil {
		return faulty(patch.Kind, err.Error(), "write the fields of the object as kubectl explain shows them")
	}
	after, err := Fields(changed)
	if err != nil {
		return err
	}
	if err := p.judge(object, changed, differences(before, after, "")); err != nil {
		return err
	}
	if changed.GetAnnotations() == nil {
		changed.SetAnnotations(map[string]string{})
	}
	reflect.ValueOf(object).Elem().Set(reflect.ValueOf(changed).Elem())
	return nil
}

// unused refuses a patch of what is not there: it would be thought to do something.
func (p *patches) unused() error {
	for n, patch := range p.all {
		if p.used[n] {
			continue
		}
		var names []string
		for _, object := range p.has {
			names = append(names, kindOf(object)+"/"+object.GetName())
		}
		what := patch.Kind
		if patch.Name != "" {
			what += "/" + patch.Name
		}
		return faulty(what, "the builder has no such object", "it has: "+strings.Join(names, ", "))
	}
	return nil
}

func faulty(place, reason, next string) error {
	return &usage.Error{What: builder.FieldPatch, Value: place, Reason: reason, Next: next}
}

func kindOf(object Object) string { return object.GetObjectKind().GroupVersionKind().Kind }

// differences are the paths of the fields that differ, e.g. "spec.containers[buildkitd].args". The
// items of a list that have a name, or a path where they are mounted, are told apart by it.
func differences(before, after any, path string) []string {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	has, isMap := fieldsOf(before)
	wants, becomesMap := fieldsOf(after)
	if !isMap && before != nil || !becomesMap && after != nil || !isMap && !becomesMap {
		return []string{path}
	}
	var paths []string
	for key := range has {
		paths = append(paths, differences(has[key], wants[key], join(path, key, before))...)
	}
	for key := range wants {
		if _, both := has[key]; !both {
			paths = append(paths, differences(nil, wants[key], join(path, key, after))...)
		}
	}
	if len(paths) == 0 { // an empty object, or another order
		paths = []string{path}
	}
	slices.Sort(paths)
	return paths
}

// fieldsOf are the fields of an object, or the items of a list by their names.
func fieldsOf(value any) (map[string]any, bool) {
	if fields, ok := value.(map[string]any); ok {
		return fields, true
	}
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return nil, false
	}
	items := map[string]any{}
	for _, item := range list {
		fields, _ := item.(map[string]any)
		name, ok := fields["mountPath"].(string)
		if !ok {
			name, ok = fields["name"].(string)
		}
		if _, twice := items[name]; !ok || twice {
			return nil, false
		}
		items[name] = item
	}
	return items, true
}

func join(path, key string, parent any) string {
	_, isList := parent.([]any)
	switch {
	case isList || strings.ContainsAny(key, "./"):
		return path + "[" + key + "]"
	case path == "":
		return key
	}
	return path + "." + key
}
