package main

import (
	"context"
	"fmt"
	"runtime/debug"
)

// version is the release this tree leads to.
const version = "0.1.0"

func runVersion(_ context.Context, w world, _ []string) error {
	fmt.Fprintf(w.out, "vigil %s\n", version)
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprintf(w.out, "%s\n", info.GoVersion)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" || s.Key == "vcs.time" || s.Key == "GOOS" || s.Key == "GOARCH" {
				fmt.Fprintf(w.out, "%s %s\n", s.Key, s.Value)
			}
		}
	}
	return nil
}
