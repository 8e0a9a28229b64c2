package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/backup"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// operatorFile lies in the data directory of a running server and says how to
// administer it. Only the account that owns the directory can read it: who may
// read the data may also administer it, and nobody else. It is made anew at each
// start.
const operatorFile = "operator.json"

type operatorAccess struct {
	Server      string `json:"server"`
	Token       string `json:"token"`
	Certificate string `json:"certificate,omitempty"` // SHA-256 of the server's certificate, hex, under TLS
	PID         int    `json:"pid"`
}

// offerOperator writes the operator's file for a server at that address and
// returns what removes it again.
func offerOperator(dir, server, certificate string, gate *auth.Gate) (withdraw func(), err error) {
	path := filepath.Join(dir, operatorFile)
	body, err := json.Marshal(operatorAccess{Server: server, Token: gate.Operator(), Certificate: certificate, PID: os.Getpid()})
	if err != nil {
		return nil, err
	}
	os.Remove(path) // one that a crash left behind may have other permissions
	if err := os.WriteFile(path, append(body, '\n'), 0o600); err != nil {
		return nil, vital.Errorf(vital.Unavailable, "write the operator's file: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

// operate offers the operator's file while the server at that address runs. It
// is a part of serve, for a server that has an address.
func (n *node) operate(ctx context.Context, server string) error {
	fingerprint := ""
	if strings.HasPrefix(server, "https:") {
		var err error
		if fingerprint, err = n.identity.pin(); err != nil {
			return err
		}
	}
	withdraw, err := offerOperator(n.config.Data, server, fingerprint, n.gate)
	if err != nil {
		return err
	}
	defer withdraw()
	<-ctx.Done()
	return nil
}

// api calls the API of a server: of the one that --server names, of the one that
// runs on the data directory, or, when none runs, of the store itself.
type api struct {
	client *http.Client
	base   string
	public string // base, when somebody else can use it too
	token  string
	close  func() error

	certificate string // SHA-256 of the server's, hex, where it is pinned
}

// pin lets the calls trust exactly the certificate with that fingerprint.
func (a *api) pin(fingerprint string) {
	fingerprint = strings.ToLower(fingerprint)
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyPeerCertificate: pinned(fingerprint)}}
	a.client, a.certificate = &http.Client{Transport: transport, Timeout: time.Minute}, fingerprint
}

// apiFlags adds the flags that say which server is meant; open is called after
// they are parsed.
func apiFlags(flags *flag.FlagSet, w world) (open func(ctx context.Context) (*api, error)) {
	c := defaults()
	server := flags.String("server", w.getenv("VIGIL_SERVER"), "address of a running server, http://host:port (VIGIL_SERVER)")
	token := flags.String("token", w.getenv("VIGIL_TOKEN"), "token for --server, with the role administrator or technician (VIGIL_TOKEN)")
	complete := c.bind(flags, w)
	return func(ctx context.Context) (*api, error) {
		if *server != "" {
			if *token == "" {
				return nil, vital.Errorf(vital.Invalid, "--server needs --token: make one where the server runs, with `vigil token add`")
			}
			base := strings.TrimRight(*server, "/")
			return &api{client: http.DefaultClient, base: base, public: base, token: *token, close: func() error { return nil }}, nil
		}
		if err := complete(); err != nil {
			return nil, err
		}
		if a, err := findServer(ctx, c.Data); a != nil || err != nil {
			return a, err
		}
		return openStore(ctx, c)
	}
}

// findServer finds the server that runs on the data directory; nil: none does.
func findServer(ctx context.Context, dir string) (*api, error) {
	body, err := os.ReadFile(filepath.Join(dir, operatorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, vital.Errorf(vital.Denied, "read the operator's file: %w", err)
	}
	var access operatorAccess
	if err := json.Unmarshal(body, &access); err != nil {
		return nil, vital.Errorf(vital.Unavailable, "read the operator's file: %w", err)
	}
	transport := &http.Transport{}
	if access.Certificate != "" {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyPeerCertificate: pinned(access.Certificate)}
	}
	a := &api{
		client: &http.Client{Transport: transport, Timeout: time.Minute}, base: access.Server, public: access.Server, token: access.Token,
		close: func() error { transport.CloseIdleConnections(); return nil }, certificate: access.Certificate,
	}
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/healthz", nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return nil, nil // the server that wrote the file is gone
	}
	resp.Body.Close()
	return a, nil
}

// pinned accepts the certificate with that fingerprint, or one that the
// authority with that fingerprint made: the operator's file says which it is, so
// nobody else is asked.
func pinned(fingerprint string) func([][]byte, [][]*x509.Certificate) error {
	return func(raw [][]byte, _ [][]*x509.Certificate) error {
		between := x509.NewCertPool()
		for i, der := range raw {
			sum := sha256.Sum256(der)
			if hex.EncodeToString(sum[:]) == fingerprint {
				return madeBy(raw[0], der, between, i == 0)
			}
			if c, err := x509.ParseCertificate(der); err == nil && i > 0 {
				between.AddCert(c)
			}
		}
		return errors.New("the server's certificate is not the one that was pinned, nor made by it")
	}
}

// madeBy checks that the authority made the server's certificate, or is it.
func madeBy(server, authority []byte, between *x509.CertPool, itself bool) error {
	if itself {
		return nil
	}
	roots := x509.NewCertPool()
	root, err := x509.ParseCertificate(authority)
	if err != nil {
		return err
	}
	roots.AddCert(root)
	leaf, err := x509.ParseCertificate(server)
	if err != nil {
		return err
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

// stillness is a flow that does not run: what was changed waits in the store
// until the server starts.
type stillness struct{ webd.Commands }

func (stillness) Changed(context.Context) error { return nil }

// openStore answers the API from the store of a server that does not run.
func openStore(ctx context.Context, c config) (*api, error) {
	if err := private(c.Data); err != nil {
		return nil, err
	}
	keeper, err := openKeeper(ctx, c)
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "open the keys: %w", err)
	}
	ledger, err := openLedgerKey(ctx, c, keeper)
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "open the keys: %w", err)
	}
	db, err := store.Open(ctx, store.Options{DSN: c.dsn(), Log: slog.New(slog.DiscardHandler), Backups: filepath.Join(c.Data, "backups"), Keeper: keeper, Ledger: ledger})
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "open the store: %w", err)
	}
	gate := auth.New(auth.Options{Store: db, Site: vital.Site(c.Site)})
	ring, err := openRing(ctx, c, keeper)
	if err != nil {
		db.Close()
		return nil, vital.Errorf(vital.KindOf(err), "open the keys: %w", err)
	}
	maker := backup.New(backup.Options{Site: vital.Site(c.Site), Store: db, Keys: keeper, Dir: c.BackupDir, Offsite: c.Offsite})
	s, err := webd.New(webd.Options{Gate: gate, Store: db, Site: vital.Site(c.Site), Commands: stillness{}, Keys: c.keys(keeper, ring), Forgotten: maker.Stones, Version: version})
	if err != nil {
		db.Close()
		return nil, err
	}
	return &api{
		client: &http.Client{Transport: within{s.Handler()}}, base: "http://localhost", token: gate.Operator(), close: db.Close,
	}, nil
}

// within answers requests from a handler of this process.
type within struct{ handler http.Handler }

func (t within) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host, r.RemoteAddr = r.URL.Host, "console:0"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a := &kept{status: http.StatusOK, header: http.Header{}}
	t.handler.ServeHTTP(a, r)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// kept is an answer that stays in memory.
type kept struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }

// call sends in as JSON (text as it is) and reads the answer into out.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	kind, body := "application/json", []byte(nil)
	switch v := in.(type) {
	case nil:
	case string:
		kind, body = "text/csv", []byte(v)
	default:
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, a.base+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return vital.Errorf(vital.Invalid, "--server: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "ask the server: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "ask the server: %w", err)
	}
	if resp.StatusCode >= 300 {
		return failureIn(resp, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// failureIn is what the server said went wrong.
func failureIn(resp *http.Response, text []byte) error {
	var failure webd.Failure
	if json.Unmarshal(text, &failure) == nil && failure.Error.Message != "" {
		return errors.New(failure.Error.Message)
	}
	return fmt.Errorf("the server answered %s", resp.Status)
}

// action is a subcommand of a subcommand: `vigil device add`.
type action struct {
	name, short string
	run         func(ctx context.Context, w world, args []string) error
}

// runAction runs the action that args begins with.
func runAction(ctx context.Context, w world, noun string, actions []action, args []string) error {
	for _, a := range actions {
		if len(args) > 0 && args[0] == a.name {
			return a.run(ctx, w, args[1:])
		}
	}
	fmt.Fprintf(w.err, "usage: vigil %s ACTION [flags]\n\n", noun)
	for _, a := range actions {
		fmt.Fprintf(w.err, "  %-7s %s\n", a.name, a.short)
	}
	fmt.Fprintf(w.err, "\n`vigil %s ACTION -h` explains one. Which server: --server and --token, else the one that runs on --data,\nelse, when none runs, the store in --data itself.\n", noun)
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
		return flag.ErrHelp
	}
	return vital.Errorf(vital.Invalid, "say which action")
}

// parseAnywhere parses flags before, between and after the names that are not
// flags, and returns those.
func parseAnywhere(flags *flag.FlagSet, args []string) (names []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, usageError(err)
		}
		if flags.NArg() == 0 {
			return names, nil
		}
		names, args = append(names, flags.Arg(0)), flags.Args()[1:]
	}
}

// several is a flag that may be given more than once, or with commas.
type several []string

func (s *several) String() string { return strings.Join(*s, ",") }

func (s *several) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			*s = append(*s, part)
		}
	}
	return nil
}
