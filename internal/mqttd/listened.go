package mqttd

// Listened reports whether anybody subscribes to anything, so that what nobody
// would hear need not be said.
func (s *Server) Listened() bool { return s.tree.count.Load() > 0 }
