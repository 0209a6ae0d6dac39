package expression

// Normalize returns the filter with the reference of each comparison first:
// `5 < size` becomes `size > 5`. Everything else stays as it is; the filter is
// not changed, and the result shares terms with it. The filter must be valid.
// Normalizing twice changes nothing more.
func (c *Call) Normalize() *Call {
	n := &Call{Op: c.Op, Args: make([]Term, len(c.Args))}
	for i, arg := range c.Args {
		if call, ok := arg.(*Call); ok {
			arg = call.Normalize()
		}
		n.Args[i] = arg
	}
	if !n.Op.comparison() {
		return n
	}
	_, left := n.Args[0].(*Scalar)
	_, right := n.Args[1].(*Scalar)
	if left && !right {
		n.Op = n.Op.reversed()
		n.Args[0], n.Args[1] = n.Args[1], n.Args[0]
	}
	return n
}
