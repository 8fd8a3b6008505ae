package sqlite

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// Migrations add, and change nothing that is there: what docs/operating.md
// promises of an upgrade.
func TestMigrationsAdd(t *testing.T) {
	comment := regexp.MustCompile(`(?m)--.*$`)
	adds := regexp.MustCompile(`^(CREATE (UNIQUE )?INDEX |CREATE TABLE |ALTER TABLE \w+ ADD COLUMN |INSERT INTO counters )`)
	statements := 0
	err := fs.WalkDir(migrations, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := migrations.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), "NO TRANSACTION") {
			t.Errorf("%s may be done by half", path)
		}
		for statement := range strings.SplitSeq(comment.ReplaceAllString(string(text), ""), ";") {
			if statement = strings.TrimSpace(statement); statement == "" {
				continue
			}
			if statements++; !adds.MatchString(statement) {
				t.Errorf("%s does not add: %s", path, statement)
			}
		}
		return nil
	})
	if err != nil || statements < 20 {
		t.Fatalf("%d statements: %v", statements, err)
	}
}
