package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/vigilcare/vigil/internal/auth"
)

// signIn signs in by a one-time link and enrols, as the first administrator does:
// a password, and an app that makes codes.
func (r *liveRun) signIn(ctx context.Context, link string) error {
	_, token, _ := strings.Cut(link, "#")
	if err := r.call(ctx, "POST", "/session/link", map[string]string{"token": token}, nil); err != nil {
		return fmt.Errorf("sign in by the first link: %w", err)
	}
	if err := r.call(ctx, "POST", "/me/password", map[string]string{"old": "", "new": auth.NewSecret()}, nil); err != nil {
		return fmt.Errorf("choose a password: %w", err)
	}
	var app struct{ Secret string }
	if err := r.call(ctx, "POST", "/me/code", struct{}{}, &app); err != nil {
		return fmt.Errorf("enrol an app: %w", err)
	}
	code, err := totp.GenerateCode(app.Secret, time.Now())
	if err != nil {
		return err
	}
	return r.call(ctx, "POST", "/me/code/confirm", map[string]string{"code": code}, nil)
}
