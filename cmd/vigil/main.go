// Command vigil is the whole of Vigil in one binary: the server, the
// demonstration, the simulator and the tools around them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/vigilcare/vigil/vital"
)

// world is what a command may touch of the outside, so that tests can replace it.
type world struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

// command is one subcommand. Run parses its own flags from args.
type command struct {
	name, short string
	run         func(ctx context.Context, w world, args []string) error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w := world{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	os.Exit(run(ctx, w, os.Args[1:]))
}

// run returns the exit status: 0 done, 1 failed, 2 called wrongly.
func run(ctx context.Context, w world, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(w.out)
		return 0
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, w, args[1:])
		switch {
		case err == nil || errors.Is(err, flag.ErrHelp):
			return 0
		case vital.KindOf(err) == vital.Invalid:
			fmt.Fprintf(w.err, "vigil %s: %v\n", c.name, err)
			return 2
		default:
			fmt.Fprintf(w.err, "vigil %s: %v\n", c.name, err)
			return 1
		}
	}
	fmt.Fprintf(w.err, "vigil: there is no command %q; `vigil help` lists them\n", args[0])
	return 2
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Vigil, the open platform for connected care.\n\nusage: vigil COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\n`vigil COMMAND -h` explains one.\n")
}
