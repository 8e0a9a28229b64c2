package webd

import (
	"cmp"
	"context"
	"crypto/tls"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Options says how a server is built. Gate, Store, Live, Judged, Rules, History,
// Commands, Packets and System are required.
type Options struct {
	Gate     *auth.Gate
	Store    *store.DB
	Site     vital.Site
	Live     Live
	Judged   Judged
	Rules    func() *rule.Set // in force
	Trials   Trials
	Tracer   Tracer
	History  History
	Commands Commands
	Packets  Packets
	System   func(ctx context.Context) (SystemState, error)

	Platform func(ctx context.Context) (Platform, error) // what a sentinel is told of the machine; nil: nothing
	MQTT     string                                      // where devices send to, for who enrols a sentinel

	Sheet     func(ctx context.Context, rows store.Rows, ward vital.WardID) ([]byte, error) // the downtime sheet of a ward; nil: not there
	Sheets    func() Sheets                                                                 // how the sheets on disk do; nil: none are written
	Ledger    Ledger                                                                        // keeps the ledger signed and verified; nil: nobody does
	Notifier  Notifier                                                                      // pages people; nil: nobody is paged from here
	Telemetry Receiver                                                                      // the door for devices; nil: POST /telemetry is not there
	Metrics   http.Handler                                                                  // /metrics; nil: not there
	Programs  http.Handler                                                                  // lets programs in (OAuth); nil: none are
	Public    string                                                                        // address by which others reach this server: https://vigil.example.org
	Assets    fs.FS                                                                         // the screens; nil: the API only
	Log       *slog.Logger
	Now       func() time.Time
	Version   string

	Entrance    Entrance  // whom this address is for
	EntranceKey []byte    // by which each knows its own cookies; not needed for Everybody
	Elsewhere   Elsewhere // where the others are answered

	Authority      *ca.Authority                        // gives devices their certificates; nil: nobody does
	Enrol          http.Handler                         // the door where they get them; nil: not at this address
	EST            string                               // address of that door; empty: there is none
	Connected      func() map[vital.DeviceID]Connection // how devices last reached us; nil: not known
	EndCertificate func(serial string)                  // ends connections that were opened with it; nil: there are none

	Backups   Backups                         // makes backups; nil: nobody does
	Keys      Keys                            // zero: they are not shown and not rotated from here
	Forgotten func(ctx context.Context) error // called when somebody was; nil: nothing is to be done

	Demo   bool     // sign the visitor in, and say so
	Secure bool     // TLS here or in front: cookies and HSTS say so
	Hosts  []string // names that this server answers to; none: without Secure, only the names of this machine's loopback
	Ready  func(ctx context.Context) error
}

// Server answers people and programs.
type Server struct {
	gate     *auth.Gate
	store    *store.DB
	site     vital.Site
	live     Live
	judged   Judged
	inForce  func() *rule.Set
	trials   Trials
	tracer   Tracer
	history  History
	commands Commands
	packets  Packets
	leaves   Ledger
	system   func(ctx context.Context) (SystemState, error)

	log     *slog.Logger
	now     func() time.Time
	version string
	demo    bool
	secure  bool
	hosts   []string
	ready   func(ctx context.Context) error

	backups   Backups
	keys      Keys
	forgotten func(ctx context.Context) error

	entrance       Entrance
	entranceKey    []byte
	elsewhere      Elsewhere
	authority      *ca.Authority
	enrolling      http.Handler
	est            string
	connected      func() map[vital.DeviceID]Connection
	endCertificate func(serial string)

	platform func(ctx context.Context) (Platform, error)
	mqtt     string
	watchers watchers

	sheet     func(ctx context.Context, rows store.Rows, ward vital.WardID) ([]byte, error)
	sheets    func() Sheets
	notifier  Notifier
	telemetry Receiver
	programs  http.Handler
	public    string
	metrics   http.Handler
	assets    *assets
	hub       *hub
	sockets   doorkeeper
	views     views
	closing   context.Context
	stop      context.CancelFunc
	described []byte // openapi.json
}

// New returns a server; it answers as soon as Handler is served, and its live
// socket speaks while Run runs.
func New(o Options) (*Server, error) {
	files, err := loadAssets(o.Assets)
	if err != nil {
		return nil, err
	}
	s := &Server{
		gate: o.Gate, store: o.Store, site: cmp.Or(o.Site, vital.DefaultSite), live: o.Live, judged: o.Judged, inForce: o.Rules, trials: o.Trials, tracer: o.Tracer, history: o.History,
		commands: o.Commands, packets: o.Packets, system: o.System,
		log: o.Log, now: o.Now, version: o.Version, demo: o.Demo, secure: o.Secure, hosts: o.Hosts, ready: o.Ready,
		platform: o.Platform, mqtt: o.MQTT, sheet: o.Sheet, sheets: o.Sheets, notifier: o.Notifier, leaves: o.Ledger, telemetry: o.Telemetry, programs: o.Programs, public: strings.TrimSuffix(o.Public, "/"), metrics: o.Metrics, assets: files,
		backups: o.Backups, keys: o.Keys, forgotten: o.Forgotten,
		entrance: o.Entrance, entranceKey: o.EntranceKey, elsewhere: o.Elsewhere, authority: o.Authority, enrolling: o.Enrol, est: o.EST, connected: o.Connected, endCertificate: o.EndCertificate,
		sockets: doorkeeper{each: make(map[string]int)}, views: views{last: make(map[string]time.Time)},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.closing, s.stop = context.WithCancel(context.Background())
	s.hub = newHub(o, func(ctx context.Context) ([]store.Admission, error) {
		return s.store.Occupants(ctx, store.Everything(s.site), "", 0)
	}, s.names, s.now, s.log)
	s.hub.judge = judge{
		epoch: func(ctx context.Context) (uint64, error) {
			epoch, _, err := s.gate.Rights(ctx)
			return epoch, err
		},
		seen: s.liveSeen, resight: s.resight,
	}
	if s.described, err = describe(s.version); err != nil {
		return nil, err
	}
	return s, nil
}

// Run keeps the live socket going until ctx ends; then the open sockets are told
// that the server stops.
func (s *Server) Run(ctx context.Context) error {
	defer s.stop()
	ctx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	if s.entrance != Administration { // once is enough
		parts.Go(func() { s.heedSentinels(ctx) })
		parts.Go(func() { s.watchBrowsing(ctx) })
	}
	defer func() { stop(); parts.Wait() }()
	return s.hub.run(ctx)
}

// Limits of a request that is not telemetry.
const (
	mostBody   = 1 << 20
	mostHeader = 32 << 10
)

// HTTP returns the server with its limits; the caller gives it an address.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    mostHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS13},
	}
}

// Handler returns everything that is answered over HTTP.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for i := range routes {
		r := &routes[i]
		mux.HandleFunc(r.method+" "+base+r.path, func(w http.ResponseWriter, req *http.Request) { s.serve(r, w, req) })
	}
	mux.HandleFunc(base+"/", func(w http.ResponseWriter, r *http.Request) {
		s.writeError(w, r, vital.Errorf(vital.NotFound, "%s %s: there is no such address; %s/openapi.json lists them", r.Method, r.URL.Path, base))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.serveReady)
	if s.enrolling != nil {
		mux.Handle(enrolPath, s.enrolling)
	}
	if s.entrance == Devices {
		mux.HandleFunc("/", s.serveElse)
		return s.guard(mux)
	}
	if s.metrics != nil {
		mux.Handle("GET /metrics", s.metrics)
	}
	origin := http.NewCrossOriginProtection()
	if s.programs != nil {
		for _, path := range programPaths {
			mux.Handle(path, s.programs)
		}
		for _, path := range programPosts {
			origin.AddInsecureBypassPattern("POST " + path)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.assets.serve(s, w, r) })
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.writeError(w, r, vital.Errorf(vital.Denied, "this request came from another site's page"))
	}))
	return s.guard(origin.Handler(mux))
}

// guard sets what every answer carries, and refuses a name that is not ours: a
// page of somebody else could otherwise point its own name at this machine.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Embedder-Policy", "require-corp")
		h.Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !s.knows(r.Host) {
			s.writeError(w, r, vital.Errorf(vital.Denied, "this server does not answer to the name %.80q: list it under hosts in its configuration", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if len(s.hosts) > 0 {
		return slices.Contains(s.hosts, host)
	}
	if s.secure {
		return true // the certificate says who we are
	}
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	if s.ready != nil {
		if err := s.ready(r.Context()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte(err.Error() + "\n"))
			return
		}
	}
	w.Write([]byte("ready\n"))
}
