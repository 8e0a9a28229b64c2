package oauthd

import "golang.org/x/time/rate"

// Unlimited lets a test ask as often as it likes.
func (s *Server) Unlimited() { s.limits.perSecond = rate.Inf }

// Limited takes that back, for addresses that ask from now on.
func (s *Server) Limited() { s.limits = newLimits() }
