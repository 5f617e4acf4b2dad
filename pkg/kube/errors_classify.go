package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// failure makes a typed fact of what a request ended with.
func (c *Client) failure(ctx context.Context, err error, verb, kind, name string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("asking the cluster to %s %s: %w", verb, kind, context.Cause(ctx))
	case apierrors.IsUnauthorized(err):
		return &UnauthorizedError{Host: c.host, Expired: expired(c.config, c.now()), Err: err}
	case apierrors.IsNotFound(err) && missing(err) == "namespaces":
		return &NamespaceNotFoundError{Namespace: c.namespace}
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) {
		return c.noStatus(err, request(verb, kind, name))
	}
	if apierrors.IsNotFound(err) && status.ErrStatus.Message == noSuchPath {
		return &ForeignServerError{Host: c.host, Answer: "404 Not Found for every path below " + c.api.Get().AbsPath("/").URL().Path}
	}
	message := status.ErrStatus.Message
	if forbidden := readForbidden(message); forbidden != nil {
		forbidden.Name, forbidden.Err = name, err
		if forbidden.Namespace == "" {
			forbidden.Namespace = c.namespace
		}
		return forbidden
	}
	if by, words := refusal(err, message); by != "" {
		return &AdmissionError{By: by, Kind: kind, Name: name, Namespace: c.namespace, Message: words, Err: err}
	}
	if serverFailed(status) {
		return &ServerError{Request: request(verb, kind, name), Code: int(status.ErrStatus.Code), Err: err}
	}
	return fmt.Errorf("asking the cluster to %s: %w", request(verb, kind, name), err)
}

// noSuchPath is what an API server answers about a path below which nothing is, e.g. another
// server's, without naming an object.
const noSuchPath = "the server could not find the requested resource"

// noStatus is about a request that no API server has answered.
func (c *Client) noStatus(err error, request string) error {
	var (
		foreign     *ForeignServerError
		unreachable *url.Error
	)
	switch {
	case LacksCredentials(err):
		return &CredentialsError{Host: c.host, Err: err}
	case errors.As(err, &foreign):
		return foreign
	case errors.As(err, &unreachable):
		return &UnreachableError{Host: c.host, Proxy: c.proxy(), Err: unreachable.Err}
	}
	return fmt.Errorf("asking the cluster to %s: %w", request, err)
}

// proxy returns the address of the proxy that requests go through, without its password; empty if
// there is none.
func (c *Client) proxy() string {
	choose := c.config.Proxy
	if choose == nil {
		choose = utilnet.NewProxierWithNoProxyCIDR(http.ProxyFromEnvironment)
	}
	address, err := choose(&http.Request{URL: c.api.Get().URL()})
	if err != nil || address == nil {
		return ""
	}
	return address.Redacted()
}

// request is e.g. `get Secret "b"`, or `list Pods`.
func request(verb, kind, name string) string {
	switch {
	case name == "" && strings.HasSuffix(kind, "s"):
		return verb + " " + kind + "es"
	case name == "":
		return verb + " " + kind + "s"
	}
	return fmt.Sprintf("%s %s %q", verb, kind, name)
}

// missing is the resource that a "not found" is about, e.g. "namespaces".
func missing(err error) string {
	var status *apierrors.StatusError
	if errors.As(err, &status) && status.ErrStatus.Details != nil {
		return status.ErrStatus.Details.Kind
	}
	return ""
}

// readForbidden reads RBAC's words: `… is forbidden: User "u" cannot get resource "pods" in API
// group "" in the namespace "team"`. It is nil for any other text: admission answers "forbidden"
// too, and means something else.
func readForbidden(message string) *ForbiddenError {
	_, rest, found := strings.Cut(message, `User "`)
	if !found {
		return nil
	}
	user, rest, found := strings.Cut(rest, `" cannot `)
	if !found {
		return nil
	}
	verb, rest, found := strings.Cut(rest, ` resource "`)
	if !found {
		return nil
	}
	resource, rest, _ := strings.Cut(rest, `"`)
	_, namespace, _ := strings.Cut(rest, `in the namespace "`)
	namespace, _, _ = strings.Cut(namespace, `"`)
	return &ForbiddenError{User: user, Verb: verb, Resource: resource, Namespace: namespace}
}

// refusal tells who refuses an object, and in which words; empty when it is not a refusal.
func refusal(err error, message string) (by, words string) {
	by, words = ReadRefusal(message)
	switch {
	case by != "":
		return by, words
	case apierrors.IsForbidden(err):
		return "the cluster", words
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return "validation", words
	}
	return "", ""
}

// ReadRefusal returns who refuses an object by the text of the refusal, and what matters of it.
// The first is empty where the text does not tell.
func ReadRefusal(message string) (by, words string) {
	// `pods "buildkitd" is forbidden: …` is the frame around what matters.
	_, words, framed := strings.Cut(message, " is forbidden: ")
	if !framed {
		words = message
	}
	switch {
	case strings.Contains(words, "violates PodSecurity"):
		return "Pod Security", words
	case strings.Contains(words, "exceeded quota"), strings.Contains(words, "failed quota"):
		return "the quota", words
	case strings.HasPrefix(message, "admission webhook "):
		_, hook, _ := strings.Cut(message, `"`)
		hook, words, _ = strings.Cut(hook, `" denied the request`)
		return fmt.Sprintf("the webhook %q", hook), strings.TrimLeft(words, ": ")
	case strings.Contains(words, "ValidatingAdmissionPolicy"):
		return "an admission policy", words
	}
	return "", words
}

// IsForbidden says that RBAC refused.
func IsForbidden(err error) bool {
	var forbidden *ForbiddenError
	return errors.As(err, &forbidden)
}

// AsAdmission is the *AdmissionError in err; nil if there is none.
func AsAdmission(err error) *AdmissionError {
	var refused *AdmissionError
	if errors.As(err, &refused) {
		return refused
	}
	return nil
}
