package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"time"

	"github.com/pquerna/otp/totp"
)

// signIn does what a new person does at a server: opens the one-time link,
// chooses a password and enrols an app that makes codes. The client it returns is
// signed in.
func signIn(ctx context.Context, server, token string) (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	var app struct{ Secret string }
	for _, step := range []struct {
		path string
		body map[string]string
		out  any
	}{
		{"/session/link", map[string]string{"token": token}, nil},
		{"/me/password", map[string]string{"old": "", "new": "a long pass phrase for a test"}, nil},
		{"/me/code", map[string]string{}, &app},
	} {
		if err := askPerson(ctx, client, server+"/api/v1"+step.path, step.body, step.out); err != nil {
			return nil, err
		}
	}
	code, err := totp.GenerateCode(app.Secret, time.Now())
	if err != nil {
		return nil, err
	}
	return client, askPerson(ctx, client, server+"/api/v1/me/code/confirm", map[string]string{"code": code}, nil)
}

func askPerson(ctx context.Context, client *http.Client, address string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("POST %s: %s: %s", address, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
