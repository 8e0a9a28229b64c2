package backup

import (
	"context"

	"github.com/vigilcare/vigil/internal/seal"
)

// Redescribe writes the manifest of pieces that were put together by hand, as if
// they had been backed up together.
func Redescribe(ctx context.Context, dir string, m Manifest, keys *seal.Keeper) error {
	if err := describe(ctx, dir, &m); err != nil {
		return err
	}
	return m.write(ctx, dir, keys)
}

// Write writes a manifest as it is.
func Write(ctx context.Context, dir string, m Manifest, keys *seal.Keeper) error {
	return m.write(ctx, dir, keys)
}
