package kube_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// managed is an entry of an object's managed fields, for one field of its data.
func managed(manager string, operation metav1.ManagedFieldsOperationType, subresource, field string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: operation, APIVersion: "v1", Subresource: subresource, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:` + field + `":{}}}`),
	}
}

// What kubectl has applied becomes install's before install applies: else a field that both hold
// would stay when it is taken back. Other managers keep what is theirs.
func TestFieldsThatKubectlAppliedAreTakenOver(t *testing.T) {
	for name, test := range map[string]struct {
		before []metav1.ManagedFieldsEntry
		after  []string
		writes int
	}{
		"kubectl apply":               {[]metav1.ManagedFieldsEntry{managed("kubectl-client-side-apply", "Update", "", "a")}, []string{`kubectl-buildkit {"f:data":{"f:a":{}}}`}, 2},
		"kubectl apply --server-side": {[]metav1.ManagedFieldsEntry{managed("kubectl", "Apply", "", "a")}, []string{`kubectl-buildkit {"f:data":{"f:a":{}}}`}, 2},
		"both, and install": {[]metav1.ManagedFieldsEntry{
			managed("kubectl-buildkit", "Apply", "", "b"), managed("kubectl", "Apply", "", "c"), managed("kubectl-client-side-apply", "Update", "", "a"),
		}, []string{`kubectl-buildkit {"f:data":{"f:a":{},"f:b":{},"f:c":{}}}`}, 2},
		"others": {[]metav1.ManagedFieldsEntry{
			managed("kubectl-buildkit", "Apply", "", "a"), managed("kubectl-edit", "Update", "", "b"), managed("kubectl", "Update", "status", "c"),
		}, nil, 1},
		"none": {nil, nil, 1},
	} {
		server := testcluster.New(t)
		object := config(map[string]string{"a": "1"})
		object.ManagedFields = test.before
		server.Put("configmaps", object)
		c, seen := clientOf(t, server), &corev1.ConfigMap{}
		if err := c.Get(t.Context(), kube.KindConfigMap, "config", seen); err != nil {
			t.Fatal(err)
		}
		var after []string
		server.Forget()
		if _, err := c.Apply(t.Context(), config(map[string]string{"a": "2"}), seen, true); err != nil || len(server.Writes()) > 0 {
			t.Errorf("%s: a dry run: %v, written: %v", name, err, server.Writes())
		}
		server.Refuse(func(r *http.Request, _, _ string) *metav1.Status {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			written := &corev1.ConfigMap{}
			if err := json.Unmarshal(body, written); err != nil {
				t.Error(err)
			}
			for _, entry := range written.ManagedFields {
				after = append(after, entry.Manager+" "+entry.FieldsV1.GetRawString())
			}
			return nil
		})
		if _, err := c.Apply(t.Context(), config(map[string]string{"a": "2"}), seen, false); err != nil || len(server.Writes()) != test.writes || !slices.Equal(after, test.after) {
			t.Errorf("%s: %v, written: %v, managed then by %v", name, err, server.Writes(), after)
		}
	}
}
