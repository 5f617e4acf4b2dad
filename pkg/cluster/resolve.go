package cluster

import (
	"context"
	"errors"
)

// Resolve finds the member to build on, and how to connect to it. The affinity is any text that stays the same for
// builds that share their cache, e.g. the context's path. The Connection is nil for an adopted builder.
func (c *Client) Resolve(ctx context.Context, name, affinity string) (Member, *Connection, error) {
	return Member{}, nil, errors.New("not implemented")
}
