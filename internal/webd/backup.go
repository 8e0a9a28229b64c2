package webd

import (
	"context"
	"net/http"
	"strings"

	"github.com/vigilcare/vigil/internal/backup"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/vital"
)

// Backups makes backups.
type Backups interface {
	State() backup.State
	Start(who string) error
}

// Keys is how the server's keys are reached.
type Keys struct {
	Keeper  *seal.Keeper
	Place   string                                          // "files" or "database"
	Root    string                                          // "file" or "credential"
	Journal func(ctx context.Context, subject string) error // gives the journal a new key of a subject
}

// BackupState is how the backups do.
type BackupState struct {
	Dir     string         `json:"dir"` // empty: none are configured
	Offsite string         `json:"offsite"`
	Every   string         `json:"every"` // empty: no schedule
	Keep    int            `json:"keep"`
	Running *BackupRunning `json:"running"`
	Problem string         `json:"problem"`
	Next    vital.Instant  `json:"next"`
	Backups []BackupRow    `json:"backups"`
}

// BackupRunning is a backup that is being made.
type BackupRunning struct {
	Since vital.Instant `json:"since"`
	Phase string        `json:"phase"` // store, journal, blobs, check, offsite
}

// BackupRow is one backup.
type BackupRow struct {
	Name     string        `json:"name"`
	At       vital.Instant `json:"at"`
	Bytes    int64         `json:"bytes"`
	Took     float64       `json:"took"`
	Schema   int           `json:"schema"`
	Patients int64         `json:"patients"`
	Audit    int64         `json:"audit"`
	Frames   uint64        `json:"frames"`
	Offsite  bool          `json:"offsite"`
}

func (s *Server) backupState(c *call) error { return c.json(s.backupView()) }

func (s *Server) backupView() BackupState {
	v := BackupState{Backups: []BackupRow{}}
	if s.backups == nil {
		return v
	}
	b := s.backups.State()
	v.Dir, v.Offsite, v.Keep, v.Problem, v.Next = b.Dir, b.Offsite, b.Keep, b.Problem, b.Next
	if b.Every > 0 && b.Dir != "" {
		v.Every = b.Every.String()
	}
	if b.Dir == "" {
		v.Next = 0
	}
	if b.Running != nil {
		v.Running = &BackupRunning{b.Running.Since, b.Running.Phase}
	}
	for _, m := range b.Backups {
		v.Backups = append(v.Backups, BackupRow{m.Name, m.Created, m.Bytes(), m.Took, m.Schema, m.Holds.People, m.Holds.Audit, m.Frames(), m.Offsite})
	}
	return v
}

func (s *Server) makeBackup(c *call) error {
	var none nothingBody
	if err := c.body(&none); err != nil {
		return err
	}
	if s.backups == nil {
		return vital.Errorf(vital.Precondition, "backups are made by a running server, or by vigil backup")
	}
	if err := s.backups.Start(c.principal.Who()); err != nil {
		return err
	}
	return c.jsonStatus(http.StatusAccepted, s.backupView())
}

// KeyState is how the keys do; never a key.
type KeyState struct {
	Store     string `json:"store"` // its name, which backups carry
	Place     string `json:"place"`
	Root      string `json:"root"`
	Revision  int64  `json:"revision"`
	Living    int    `json:"living"`
	Destroyed int    `json:"destroyed"`
	Subjects  int    `json:"subjects"`
	Problem   string `json:"problem"`
}

func (s *Server) keyState(c *call) error {
	k := s.keys.Keeper
	if k == nil {
		return vital.Errorf(vital.Precondition, "this server has no keys")
	}
	v := KeyState{Store: k.ID(), Place: s.keys.Place, Root: s.keys.Root, Revision: k.Revision()}
	n := k.Count()
	v.Living, v.Destroyed, v.Subjects = n.Living, n.Destroyed, n.Subjects
	if err := k.Check(c.ctx()); err != nil {
		v.Problem = err.Error()
	}
	return c.json(v)
}

// rotationBody says which key gets a successor.
type rotationBody struct {
	What    string          `json:"what"` // root, site, patient
	Patient vital.PatientID `json:"patient,omitempty"`
	Into    string          `json:"into,omitempty"` // file for a new root key where systemd gives the old one
}

// Rotated says how many keys were wrapped or made anew.
type Rotated struct {
	Rotated int `json:"rotated"`
}

func (s *Server) rotateKey(c *call) error {
	var body rotationBody
	if err := c.body(&body); err != nil {
		return err
	}
	k := s.keys.Keeper
	if k == nil {
		return vital.Errorf(vital.Precondition, "this server has no keys")
	}
	subject := seal.Site
	switch body.What {
	case "root", "site":
		if body.Patient != "" {
			return invalid("patient", "patient: only when a patient's key is rotated")
		}
	case "patient":
		if _, err := s.store.Patient(c.ctx(), c.rows, body.Patient); err != nil {
			return inField("patient", err)
		}
		subject = seal.Patient(body.Patient)
	default:
		return invalid("what", "what: root, site or patient")
	}
	e := s.entry(c, "key/"+strings.TrimPrefix(body.What+"/"+string(body.Patient), "/"), "")
	e.Patient = body.Patient
	if err := s.store.AppendAudit(c.ctx(), e); err != nil {
		return err
	}
	if body.What == "root" {
		n, err := k.RotateRoot(c.ctx(), body.Into)
		if err != nil {
			return err
		}
		return c.json(Rotated{n})
	}
	if err := k.Rotate(c.ctx(), s.site, subject); err != nil {
		return err
	}
	if s.keys.Journal == nil {
		return c.json(Rotated{1})
	}
	if err := s.keys.Journal(c.ctx(), subject); err != nil {
		return err
	}
	return c.json(Rotated{2})
}
