// Command greeter is the demo's web service: it greets, and says where it runs.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime"
)

func main() {
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Hello from Pod %s, built by kubectl buildkit with %s.\n", host, runtime.Version())
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
