package webd

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Imported is what became of a list of devices.
type Imported struct {
	Items    []ImportedDevice `json:"items"`
	Problems []ImportProblem  `json:"problems"`
}

// ImportedDevice is a new device and its password, shown this once.
type ImportedDevice struct {
	Device   vital.DeviceID `json:"device"`
	Username string         `json:"username"`
	Password string         `json:"password"`
}

// ImportProblem is a line that made no device.
type ImportProblem struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// mostImported is how many devices one list may hold.
const mostImported = 2000

var importColumns = []string{"id", "label", "kind", "model", "udi", "class", "regulatory"}

// importDevices enrols a list. A line with a mistake is reported and the others
// count; an id that is enrolled already is such a mistake, so that the same list
// can be sent again.
func (s *Server) importDevices(c *call) error {
	reader := csv.NewReader(c.r.Body)
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	header, err := reader.Read()
	if err != nil {
		return vital.Errorf(vital.Invalid, "the first line has to name the columns: id,label,kind,model,udi")
	}
	for i := range header {
		header[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(header[i], "\ufeff")))
		if !slices.Contains(importColumns, header[i]) {
			return invalid(header[i], "column %.40q: want %s", header[i], strings.Join(importColumns, ", "))
		}
	}
	done := Imported{Items: []ImportedDevice{}, Problems: []ImportProblem{}}
	for {
		record, err := reader.Read()
		if err == io.EOF {
			break
		}
		line, _ := reader.FieldPos(0)
		if err != nil {
			var parse *csv.ParseError
			if !errors.As(err, &parse) {
				return vital.Errorf(vital.TooMuch, "read the list: %w", err)
			}
			done.Problems = append(done.Problems, ImportProblem{parse.Line, parse.Err.Error()})
			continue
		}
		if len(done.Items)+len(done.Problems) >= mostImported {
			done.Problems = append(done.Problems, ImportProblem{line, "a list holds at most " + itoa(mostImported) + " devices: the rest was not read"})
			break
		}
		item, err := s.importOne(c, header, record)
		if err != nil {
			if k := vital.KindOf(err); k == vital.Internal || k == vital.Unavailable {
				return err
			}
			done.Problems = append(done.Problems, ImportProblem{line, err.Error()})
			continue
		}
		done.Items = append(done.Items, item)
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.json(done)
}

func (s *Server) importOne(c *call, header, record []string) (ImportedDevice, error) {
	cell := make(map[string]string, len(header))
	for i, name := range header {
		if i < len(record) {
			cell[name] = strings.TrimSpace(record[i])
		}
	}
	body := deviceBody{Label: cell["label"], Kind: cell["kind"], Model: cell["model"], UDI: cell["udi"], Regulatory: cell["regulatory"]}
	d, err := body.device(vital.DeviceID(cell["id"]), cell["class"])
	if err != nil {
		return ImportedDevice{}, err
	}
	enrolled, err := s.enrol(c, d)
	if err != nil {
		return ImportedDevice{}, err
	}
	return ImportedDevice{Device: d.ID, Username: enrolled.Credential.Username, Password: enrolled.Credential.Password}, nil
}
