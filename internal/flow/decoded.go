package flow

import (
	"context"
	"slices"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/vital"
)

// Decoded waits until the packet at that place has been decoded and recorded,
// and says what became of it.
func (f *Flow) Decoded(ctx context.Context, at vital.Position) (ingest.PacketInfo, error) {
	k := f.packets
	k.mu.Lock()
	if i, ok := k.recent[at]; ok {
		k.mu.Unlock()
		return i, nil
	}
	c := make(chan ingest.PacketInfo, 1)
	k.waiting[at] = append(k.waiting[at], c)
	k.mu.Unlock()
	select {
	case i := <-c:
		return i, nil
	case <-ctx.Done():
		k.mu.Lock()
		defer k.mu.Unlock()
		k.waiting[at] = slices.DeleteFunc(k.waiting[at], func(o chan ingest.PacketInfo) bool { return o == c })
		if len(k.waiting[at]) == 0 {
			delete(k.waiting, at)
		}
		return ingest.PacketInfo{At: at, Result: ingest.Waiting}, nil
	}
}
