package audit

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/vital"
)

// Only every eighth level of the tree is stored: the leaves, in their rows, and
// one hash for each 256 leaves, for each 65,536 and so on. What lies between is
// made from at most 256 hashes, which are read at once.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// Hashes returns the stored hashes of a level (0, 8, 16 ...), from and up to a
// number on that level; fewer when there are not as many.
type Hashes func(ctx context.Context, level int, from, to int64) ([]tlog.Hash, error)

// Tree reads the hashes of any level out of the stored ones.
func Tree(ctx context.Context, stored Hashes) tlog.HashReader {
	type tile struct {
		level int
		n     int64
	}
	read := map[tile][]tlog.Hash{}
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			floor := level - level%TileHeight
			width := int64(1) << (level % TileHeight)
			at := tile{floor, n * width / TileWidth}
			if _, ok := read[at]; !ok {
				hashes, err := stored(ctx, floor, at.n*TileWidth, (at.n+1)*TileWidth)
				if err != nil {
					return nil, err
				}
				read[at] = hashes
			}
			from := n * width % TileWidth
			if from+width > int64(len(read[at])) {
				return nil, vital.Errorf(vital.Internal, "the ledger lacks hashes: %d of level %d", n*width, floor)
			}
			out[i] = Fold(read[at][from : from+width])
		}
		return out, nil
	})
}

// Fold is the hash above a power of two of hashes.
func Fold(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(Fold(hashes[:half]), Fold(hashes[half:]))
}

// peaks grows a tree leaf by leaf and remembers only the roots of its whole
// parts: one for each bit of its size.
type peaks struct {
	size int64
	root [63]tlog.Hash
}

// add returns the hashes that became whole on the stored levels above the leaves.
func (p *peaks) add(leaf tlog.Hash) (whole []tlog.Hash) {
	level := 0
	for ; p.size>>level&1 == 1; level++ {
		leaf = tlog.NodeHash(p.root[level], leaf)
		if (level+1)%TileHeight == 0 {
			whole = append(whole, leaf)
		}
	}
	p.root[level] = leaf
	p.size++
	return whole
}

// hash is the root of the tree so far; of none, what tlog says.
func (p *peaks) hash() tlog.Hash {
	if p.size == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	var h tlog.Hash
	begun := false
	for level, root := range p.root {
		switch {
		case p.size>>level&1 == 0:
		case begun:
			h = tlog.NodeHash(root, h)
		default:
			h, begun = root, true
		}
	}
	return h
}
