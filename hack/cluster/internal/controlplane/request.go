package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Media types of a patch, for Do.
const (
	MergePatch = "application/merge-patch+json"
	JSON       = "application/json"
)

// StatusError is an answer of the API server that is not a success.
type StatusError struct {
	Method, Path string
	Code         int
	Message      string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s: %s", e.Method, e.Path, e.Code, http.StatusText(e.Code), e.Message)
}

// HasCode tells whether an error is the API server's answer of that code.
func HasCode(err error, code int) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == code
}

// Do sends a request with a body, unless that is nil, and decodes the answer, unless into is nil. An answer that is not a
// success is a *StatusError.
func (c *Client) Do(ctx context.Context, method, path, mediaType string, body, into any) error {
	response, err := c.send(ctx, c.http, method, path, mediaType, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (c *Client) send(ctx context.Context, client *http.Client, method, path, mediaType string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, content)
	if err != nil {
		return nil, err
	}
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	var status struct{ Message string }
	_ = json.NewDecoder(response.Body).Decode(&status) // without it the code has to do
	return nil, &StatusError{Method: method, Path: path, Code: response.StatusCode, Message: status.Message}
}

// Watch calls changed with every object of a collection, and again after each change, with deleted set after its deletion,
// until ctx ends. After a loss of the connection it reads the collection anew, with a growing pause between two attempts.
func (c *Client) Watch(ctx context.Context, path string, changed func(object json.RawMessage, deleted bool)) {
	const least, most = time.Second, 30 * time.Second
	pause := least
	for ctx.Err() == nil {
		begin := time.Now()
		_ = c.watch(ctx, path, changed) // the next attempt reads everything again
		if time.Since(begin) > most {
			pause = least
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, most)
	}
}

func (c *Client) watch(ctx context.Context, path string, changed func(object json.RawMessage, deleted bool)) error {
	var list struct {
		Metadata struct{ ResourceVersion string }
		Items    []json.RawMessage
	}
	if err := c.get(ctx, path, &list); err != nil {
		return err
	}
	for _, item := range list.Items {
		changed(item, false)
	}
	response, err := c.send(ctx, c.watches, http.MethodGet, path+"?watch=true&resourceVersion="+list.Metadata.ResourceVersion, "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	for events := json.NewDecoder(response.Body); ; {
		var event struct {
			Type   string
			Object json.RawMessage
		}
		if err := events.Decode(&event); err != nil {
			return err
		}
		if event.Type == "ERROR" { // the version is too old by now
			return errors.New("the watch has ended")
		}
		changed(event.Object, event.Type == "DELETED")
	}
}
