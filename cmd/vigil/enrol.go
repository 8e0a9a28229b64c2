package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/template"

	qrcode "github.com/skip2/go-qrcode"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// enrolDevice makes a one-time secret for a device and prints a shell script
// that gets the device its certificate with it, by openssl and curl.
func enrolDevice(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("device enrol", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil device enrol [flags] ID     a shell script that gets the device its certificate\n\n")
		flags.PrintDefaults()
	}
	hours := flags.Int("hours", 24, "hours that the one-time secret is good, 168 at most")
	asJSON := flags.Bool("json", false, "print the secret and where to use it as one line of JSON")
	qr := flags.Bool("qr", false, "print a code for the device to scan")
	open := apiFlags(flags, w)
	ids, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(ids) != 1 {
		return vital.Errorf(vital.Invalid, "say which device: vigil device enrol ID")
	}
	return with(ctx, open, func(a *api) error {
		var made webd.Enrolment
		if err := a.call(ctx, "POST", "/devices/"+url.PathEscape(ids[0])+"/enrolment", map[string]int{"hours": *hours}, &made); err != nil {
			return err
		}
		switch {
		case *asJSON:
			made.QR = ""
			return json.NewEncoder(w.out).Encode(made)
		case *qr:
			code, err := qrcode.New(made.URI(), qrcode.Medium)
			if err != nil {
				return vital.Errorf(vital.Internal, "draw the code: %w", err)
			}
			fmt.Fprintf(w.out, "%s\nOne-time secret of %s, good until %s: %s\n", code.ToSmallString(false), made.Device, made.Expires, made.Secret)
			return nil
		}
		return a.recipe(ctx, w.out, made)
	})
}

// recipe prints the script. It carries the certificate to trust, so that the
// device trusts nobody that it meets on the way.
func (a *api) recipe(ctx context.Context, out io.Writer, made webd.Enrolment) error {
	authority, err := a.text(ctx, "/certificates/ca.pem")
	if err != nil {
		return err
	}
	var state webd.SystemState
	if err := a.call(ctx, "GET", "/system", nil, &state); err != nil {
		return err
	}
	script := struct {
		webd.Enrolment
		CA, Host, Port string
	}{Enrolment: made, CA: strings.TrimSpace(authority)}
	est, err := url.Parse(made.EST)
	if err != nil {
		return vital.Errorf(vital.Internal, "read the address of the door for certificates: %w", err)
	}
	for _, l := range state.Listeners {
		if u, err := url.Parse(l.Address); err == nil && l.For == "mqtt" && l.TLS != "" {
			script.Host, script.Port = est.Hostname(), u.Port()
		}
	}
	return enrolScript.Execute(out, script)
}

// text gets a file of the API.
func (a *api) text(ctx context.Context, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/v1"+path, nil)
	if err != nil {
		return "", vital.Errorf(vital.Invalid, "--server: %w", err)
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return "", vital.Errorf(vital.Unavailable, "ask the server: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", vital.Errorf(vital.Unavailable, "ask the server for %s: %s", path, resp.Status)
	}
	return string(body), nil
}

var enrolScript = template.Must(template.New("enrol").Parse(`#!/bin/sh
# Gets device {{.Device}} its certificate. One-time secret: {{.Secret}}
# good once, until {{.Expires}}. Who has this file can be the device: run it there, then delete it.
set -e
umask 077
cat > vigil-ca.pem <<'END'
{{.CA}}
END
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {{.Device}}.key.new -subj /CN={{.Device}} -out {{.Device}}.csr
curl --silent --show-error --fail --cacert vigil-ca.pem --user {{.Device}}:{{.Secret}} --header 'Content-Type: application/pkcs10' --data-binary @{{.Device}}.csr --output {{.Device}}.p7 {{.EST}}/simpleenroll
openssl base64 -d -in {{.Device}}.p7 | openssl pkcs7 -inform DER -print_certs -out {{.Device}}.pem.new
mv {{.Device}}.key.new {{.Device}}.key
mv {{.Device}}.pem.new {{.Device}}.pem
rm {{.Device}}.csr {{.Device}}.p7
openssl x509 -in {{.Device}}.pem -noout -enddate
#
# It lives for 30 days. Before it ends, and from then on by itself, the device renews it:
#   openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout new.key -subj /CN={{.Device}} -out new.csr
#   curl --silent --show-error --fail --cacert vigil-ca.pem --cert {{.Device}}.pem --key {{.Device}}.key --header 'Content-Type: application/pkcs10' --data-binary @new.csr --output new.p7 {{.EST}}/simplereenroll
#   openssl base64 -d -in new.p7 | openssl pkcs7 -inform DER -print_certs -out new.pem
# The old one is good until the new one is first used.
{{- if .Port}}
# To send a reading:
#   mosquitto_pub -h {{.Host}} -p {{.Port}} --cafile vigil-ca.pem --cert {{.Device}}.pem --key {{.Device}}.key -i {{.Device}} -q 1 -t v1/{{.Device}}/telemetry -m '{"readings":[{"metric":"heart-rate","value":72,"unit":"/min"}]}'
{{- end}}
`))
