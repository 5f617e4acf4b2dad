// This program writes an LLB definition, as those in BuildKit's guides that are piped into `buildctl build`: it copies
// the client's directory "src" and a word into an image. It is run from the repository's root, whose module has BuildKit.
package main

import (
	"context"
	"log"
	"os"

	"github.com/moby/buildkit/client/llb"
)

func main() {
	state := llb.Scratch().
		File(llb.Copy(llb.Local("src"), "/", "/src/", &llb.CopyInfo{CreateDestPath: true})).
		File(llb.Mkfile("/word", 0o644, []byte("made by a program\n")))
	definition, err := state.Marshal(context.Background())
	if err == nil {
		err = llb.WriteTo(definition, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}
