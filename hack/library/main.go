// Command library is a program that uses pkg/driver: it builds the directory and pushes the image that its arguments
// name, on the builder of the kubeconfig's namespace. The end-to-end tests run it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

func main() {
	kubeconfig := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil)
	config, err := kubeconfig.ClientConfig()
	if err != nil {
		log.Fatal(err)
	}
	namespace, _, err := kubeconfig.Namespace()
	if err != nil {
		log.Fatal(err)
	}
	built, err := driver.New(config, namespace).Build(context.Background(), driver.BuildOptions{Request: request.Options{
		Input: request.Input{Path: os.Args[1]}, Image: request.Image{Tags: os.Args[2:]}, Output: request.Output{Push: true},
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(built.Line())
}
