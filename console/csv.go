package console

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
)

// auditExport streams what is asked for as CSV (RFC 4180), the oldest first.
func (v *visit) auditExport() error {
	f, err := v.filter()
	if err != nil {
		return err
	}
	out := &csvLines{v: v}
	if err := v.admin.AuditExport(v.r.Context(), v.by, v.peer.Origin, api.AuditRange{EventFilter: f}, out); err != nil {
		if v.status != 0 {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		return err
	}
	return out.begin()
}

// csvLines makes CSV of the events that it is given as lines of JSON.
type csvLines struct{ v *visit }

var csvColumns = []string{"id", "at", "kind", "tenant", "account", "subject", "actor", "dialect", "mount", "source", "request", "reason", "detail", "session", "count"}

// begin writes the head, once.
func (o *csvLines) begin() error {
	if o.v.status != 0 {
		return nil
	}
	o.v.status = http.StatusOK
	h := o.v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="sallyport-audit.csv"`)
	o.v.w.WriteHeader(http.StatusOK)
	return csvRow(o.v.w, csvColumns)
}

// partTime is how long a browser may take for a part.
const partTime = time.Minute

// Write takes whole lines.
func (o *csvLines) Write(b []byte) (int, error) {
	if err := o.begin(); err != nil {
		return 0, err
	}
	control := http.NewResponseController(o.v.w)
	if err := control.SetWriteDeadline(o.v.service.Now().Add(partTime)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return 0, err
	}
	var rows bytes.Buffer
	for line := range bytes.Lines(b) {
		var e api.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return 0, fmt.Errorf("reading an exported event: %w", err)
		}
		session, count := "", ""
		if e.Session != 0 {
			session = strconv.FormatInt(e.Session, 10)
		}
		if e.Count != 0 {
			count = strconv.Itoa(e.Count)
		}
		if err := csvRow(&rows, []string{e.ID, e.At.UTC().Format(time.RFC3339Nano), e.Kind, e.Tenant, e.Account, e.Subject, e.Actor, e.Dialect, e.Mount,
			e.Source, e.Request, e.Reason, e.Detail, session, count}); err != nil {
			return 0, err
		}
	}
	if _, err := o.v.w.Write(rows.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}

func csvRow(w interface{ Write([]byte) (int, error) }, cells []string) error {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = inert(c)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(safe); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// inert keeps spreadsheets from taking what somebody called themselves for a formula
// (OWASP, CSV Injection). Fullwidth signs are taken for the others by some.
func inert(cell string) string {
	trimmed := strings.TrimLeft(cell, " \t\r\n\u00a0\ufeff")
	if trimmed != "" && strings.ContainsRune("=+-@|%＝＋－＠", []rune(trimmed)[0]) || cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
