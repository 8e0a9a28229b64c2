package ingest

// seen remembers the latest packets of one device by their bytes, so that one
// that is sent again is recognised at once. What has left its memory is
// recognised by comparing with the store (see Recorder).
type seen struct {
	Ring []uint64
	Next int
	set  map[uint64]struct{}
}

const seenMost = 1024

// fingerprint is a 64-bit FNV-1a: the same in every process, since it is part of
// the snapshot.
func fingerprint(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// add reports whether the fingerprint was there, and remembers it.
func (s *seen) add(h uint64) (before bool) {
	if s.set == nil {
		s.set = make(map[uint64]struct{}, len(s.Ring))
		for _, v := range s.Ring {
			s.set[v] = struct{}{}
		}
	}
	if _, ok := s.set[h]; ok {
		return true
	}
	if len(s.Ring) < seenMost {
		s.Ring = append(s.Ring, h)
	} else {
		delete(s.set, s.Ring[s.Next])
		s.Ring[s.Next] = h
		s.Next = (s.Next + 1) % seenMost
	}
	s.set[h] = struct{}{}
	return false
}
