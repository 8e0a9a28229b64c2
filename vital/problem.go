package vital

// Problem is a part of a packet that could not be read: where, in the packet's
// own terms ("readings[3].unit", "byte 17"), and why, in words for the person
// who will look at the device. The rest of the packet still counts.
type Problem struct {
	Where  string `json:"where"`
	Reason string `json:"reason"`
}

func (p Problem) String() string { return p.Where + ": " + p.Reason }
