package main

import "runtime"

// Go lets a busy goroutine run for ten milliseconds before another gets its turn
// on the same processor, and what decodes is always busy: the committer whose sync
// has ended, and everybody who waits to hear of it, would wait as long. So a server
// on a small machine runs more threads than there are cores and lets the kernel
// share them out, which lets a thread that wakes up run sooner. A large machine has
// a core to spare for it.
const (
	threadsPerCore = 4
	enoughThreads  = 16
)

// threadsFor is how many threads should run on so many cores.
func threadsFor(cores int) int {
	return max(cores, min(threadsPerCore*cores, enoughThreads))
}

// spread lets the kernel share the cores, unless the environment says otherwise.
func (w world) spread() {
	if w.getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(threadsFor(runtime.GOMAXPROCS(0)))
	}
}
