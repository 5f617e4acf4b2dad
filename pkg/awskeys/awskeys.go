// Package awskeys finds the AWS credentials of this machine, as the AWS command line does: for
// caches in S3. It knows no cache.
package awskeys

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
)

// limit bounds what it takes to get them: a program may be run, and a server asked.
const limit = 30 * time.Second

// Keys are those of one identity. The zero value is none.
type Keys struct{ ID, Secret, SessionToken string }

// Load asks the chain of AWS's own SDK: the environment, a web identity, the profile with its keys,
// credential_process, SSO or role, a container's endpoint. The instance's metadata are left out:
// there the builder has a role of its own, and elsewhere nothing answers. The error says why
// credentials that are set up cannot be used; having none is not an error.
func Load(ctx context.Context, lookupEnv func(string) (string, bool)) (Keys, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %v", limit))
	defer cancel()
	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithEC2IMDSClientEnableState(imds.ClientDisabled),
		config.WithSharedConfigFiles(file(lookupEnv, "AWS_CONFIG_FILE", "config")),
		config.WithSharedCredentialsFiles(file(lookupEnv, "AWS_SHARED_CREDENTIALS_FILE", "credentials")))
	if err != nil {
		return Keys{}, err
	}
	if loaded.Credentials == nil {
		return Keys{}, nil
	}
	found, err := loaded.Credentials.Retrieve(ctx)
	var operation *smithy.OperationError
	switch {
	case errors.As(err, &operation) && operation.ServiceID == "ec2imds":
		return Keys{}, nil // the last of the chain, which is left out
	case err != nil && context.Cause(ctx) != nil:
		return Keys{}, context.Cause(ctx)
	}
	return Keys{ID: found.AccessKeyID, Secret: found.SecretAccessKey, SessionToken: found.SessionToken}, err
}

// file is where the variable says, else in the home directory. Without one there is none: not that
// of a checkout.
func file(lookupEnv func(string) (string, bool), variable, name string) []string {
	if path, _ := lookupEnv(variable); path != "" {
		return []string{path}
	}
	if dir := home.Directory(lookupEnv); dir != "" {
		return []string{filepath.Join(dir, ".aws", name)}
	}
	return []string{}
}
