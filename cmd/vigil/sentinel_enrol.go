package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// enrolSentinel makes what a sentinel needs on the server and writes its settings.
func enrolSentinel(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("sentinel enrol", flag.ContinueOnError)
	flags.SetOutput(w.err)
	host, _ := os.Hostname()
	out := flags.String("out", "sentinel.yaml", "file to write; it must not exist")
	name := flags.String("name", host, "where the sentinel runs")
	listen := flags.String("listen", "127.0.0.1:8787", "where the sentinel takes its pages; off the loopback it needs listen-certificate and listen-key in its settings")
	reach := flags.String("reach", "", "address by which the server reaches that; http://LISTEN/page when left out")
	screens := flags.String("screens", "", "address of the server as the sentinel sees it, when it is another one")
	devices := flags.String("devices", "", "address of its door for devices as the sentinel sees it, mqtts://host:8883")
	pin := flags.String("pin", "", "SHA-256 of the server's certificate, hex, when no authority vouches for it")
	open := apiFlags(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if _, err := os.Lstat(*out); !errors.Is(err, fs.ErrNotExist) {
		return vital.Errorf(vital.Conflict, "%s exists already: another sentinel may need it", *out)
	}
	return with(ctx, open, func(a *api) error {
		if *pin != "" {
			a.pin(*pin)
		}
		c := sentinelConfig{Name: *name, Listen: *listen, Server: cmp.Or(*screens, a.public), Certificate: cmp.Or(*pin, a.certificate), Tell: tellConfig{Sign: "whsec_" + rand.Text()}}
		if c.Server == "" {
			return vital.Errorf(vital.Precondition, "no server runs on the data directory: start it, or say --screens and --devices")
		}
		var made webd.SentinelMade
		err := a.call(ctx, "POST", "/sentinels", map[string]string{"name": *name, "webhook": cmp.Or(*reach, "http://"+*listen+"/page")}, &made)
		if err != nil {
			return err
		}
		c.MQTT = cmp.Or(*devices, made.MQTT)
		c.Device, c.Username, c.Password = string(made.Device), made.Account.Username, made.Account.Password
		c.Token, c.Secret = made.Token, made.Secret
		if err := c.save(*out); err != nil {
			return err
		}
		fmt.Fprintf(w.out, "Sentinel %s is enrolled as device %s. %s holds its secrets: bring it to where the sentinel runs.\n", made.Name, made.Device, *out)
		fmt.Fprintf(w.out, "The server must be allowed to reach it: list its address under notify-inside.\nName its channels under tell, try them with `vigil sentinel test`, then start `vigil sentinel run`.\n`vigil token revoke %s` ends it.\n", made.ID)
		return nil
	})
}
