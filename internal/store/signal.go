package store

// appendSignal writes the samples of a block.
func appendSignal(b []byte, samples []int32) []byte {
	if len(samples) == 0 {
		return b
	}
	wide := make([]int64, len(samples))
	for i, s := range samples {
		wide[i] = int64(s)
	}
	var c column
	return c.append(b, wide)
}

// signal reads n samples.
func (r *columnReader) signal(n int) []int32 {
	wide := make([]int64, n)
	r.read(wide)
	samples := make([]int32, n)
	for i, v := range wide {
		samples[i] = int32(v)
	}
	return samples
}
