package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// runForget forgets a patient for good.
func runForget(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("forget", flag.ContinueOnError)
	flags.SetOutput(w.err)
	why := flags.String("why", "", "who asked for it: it is what remains")
	family := flags.String("family", "", "family name of the patient, to be sure who is meant")
	number := flags.String("number", "", "a record number of the patient, to be sure who is meant")
	open := apiFlags(flags, w)
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 || *why == "" || *family == "" || *number == "" {
		return vital.Errorf(vital.Invalid, "want: vigil forget PATIENT --why TEXT --family NAME --number NUMBER")
	}
	a, err := open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	body := map[string]any{"why": *why, "confirm": map[string]string{"family": *family, "number": *number}}
	var done webd.Forgotten
	if err := a.call(ctx, http.MethodDelete, "/patients/"+url.PathEscape(names[0])+"/record", body, &done); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%s was forgotten at %s: the rows are erased and the keys destroyed. Destroy older copies of the keys too: with one of them and an old backup somebody could bring the data back.\n", done.Patient, done.Forgotten)
	return nil
}

// runExport writes everything that is kept of a patient into a file.
func runExport(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	flags.SetOutput(w.err)
	out := flags.String("out", "", "file to write; PATIENT.zip when left out")
	open := apiFlags(flags, w)
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return vital.Errorf(vital.Invalid, "want: vigil export PATIENT [--out FILE]")
	}
	path := *out
	if path == "" {
		path = names[0] + ".zip"
	}
	a, err := open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return vital.Errorf(vital.Invalid, "write the record: %w", err)
	}
	n, err := a.fetch(ctx, "/patients/"+url.PathEscape(names[0])+"/record.zip", f)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(path)
		return err
	}
	fmt.Fprintf(w.out, "%s: %d bytes, readable to whoever has it. docs/formats/record.md says how to read and check it.\n", path, n)
	return nil
}

// fetch copies an answer that is not JSON into a file.
func (a *api) fetch(ctx context.Context, path string, into io.Writer) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/v1"+path, nil)
	if err != nil {
		return 0, vital.Errorf(vital.Invalid, "--server: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	client := *a.client
	client.Timeout = 0 // a record may be large; ctx ends it
	resp, err := client.Do(r)
	if err != nil {
		return 0, vital.Errorf(vital.Unavailable, "ask the server: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return 0, failureIn(resp, text)
	}
	n, err := io.Copy(into, resp.Body)
	if err != nil {
		return n, vital.Errorf(vital.Unavailable, "the record broke off: %w", err)
	}
	return n, nil
}
