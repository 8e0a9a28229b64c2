package main

import "testing"

func TestThreadsFor(t *testing.T) {
	for cores, want := range map[int]int{1: 4, 2: 8, 4: 16, 8: 16, 16: 16, 64: 64} {
		if got := threadsFor(cores); got != want {
			t.Errorf("on %d cores %d threads, want %d", cores, got, want)
		}
	}
}
