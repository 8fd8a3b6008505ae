package move

// Kind is what a column holds, and as what it is handed over.
type Kind uint8

// The kinds of columns.
const (
	Int         Kind = iota // int64
	OptionalInt             // int64, or nil
	Bool                    // bool
	Text                    // string, valid UTF-8 without a zero byte
	Raw                     // string of any bytes: what outsiders sent
	Bytes                   // []byte, never nil
)

// Column is a column of a table.
type Column struct {
	Name string
	Kind Kind
}

// Table is what is moved of a table, under the name that it has in every store.
type Table struct {
	Name    string
	Key     int // how many columns, from the first, name a row
	Columns []Column
}

// Tables is everything that is moved, in the order in which it is: what is
// referred to comes first. The counters come last. A database without them draws
// no ids, so nobody does who opened it before the move began.
var Tables = []Table{
	{"accounts", 2, []Column{
		{"level", Int}, // parents before children
		{"id", Int},
		{"tenant", Int},
		{"parent", OptionalInt},
		{"number", Int},
		{"code", Text},
		{"name", Text},
		{"disabled", Bool},
		{"number_since", Int},
		{"code_since", Int},
	}},
	{"policies", 1, []Column{
		{"name", Text},
		{"span", Int},
		{"idle", Int},
		{"uses", Int},
		{"expire_on_new", Bool},
		{"never", Bool},
	}},
	{"keys", 1, []Column{
		{"id", Int},
		{"account", Int},
		{"name", Text},
		{"digest", Bytes},
		{"pepper", Int},
		{"policy", Text},
		{"networks", Text},
		{"expires", Int},
		{"disabled", Bool},
		{"created", Int},
		{"last_used", Int},
		{"role", Text},
		{"everywhere", Bool},
	}},
	{"users", 1, []Column{
		{"id", Int},
		{"tenant", Int},
		{"account", Int},
		{"name", Text},
		{"password", Text},
		{"active", Bool},
		{"admin", Bool},
		{"grp", Text},
		{"rights", Int},
		{"full_name", Text},
		{"display_name", Text},
		{"email", Text},
		{"policy", Text},
		{"last_sign_in", Int},
		{"role", Text},
		{"everywhere", Bool},
		{"factor", Text},
		{"factor_step", Int},
		{"name_since", Int},
	}},
	{"apps", 1, []Column{
		{"key", Text},
		{"account", Int},
		{"name", Text},
		{"disabled", Bool},
	}},
	{"sessions", 1, []Column{
		{"id", Int},
		{"ends", Int},
		{"principal", Int},
		{"issued", Int},
		{"cap", Int},
		{"idle", Int},
		{"capped", Int},
		{"uses", Int},
		{"expire_on_new", Bool},
		{"digest", Bytes},
		{"dialect", Text},
		{"app", Text},
		{"source", Bytes},
		{"attrs", Raw},
	}},
	{"handoffs", 1, []Column{
		{"id", Int},
		{"digest", Bytes},
		{"principal", Int},
		{"dialect", Text},
		{"attrs", Raw},
		{"issued", Int},
		{"expires", Int},
	}},
	{"guards", 1, []Column{
		{"key", Bytes},
		{"name", Raw},
		{"known", Bool},
		{"failures", Int},
		{"last", Int},
		{"locked", Int},
		{"forget", Int},
	}},
	{"feed", 1, []Column{
		{"seq", Int},
		{"kind", Int},
		{"id", Int},
		{"at", Int},
	}},
	{"feed_marks", 1, []Column{
		{"at", Int},
		{"seq", Int},
	}},
	{"audit_batches", 1, []Column{
		{"seq", Int},
		{"at", Int},
		{"count", Int},
		{"body", Bytes},
		{"chain", Bytes},
	}},
	{"audit_seal", 1, []Column{
		{"id", Int},
		{"seal", Text},
	}},
	{"counters", 1, []Column{
		{"name", Text},
		{"next", Int},
	}},
}

// Table names that this package looks into.
const (
	accountsTable = "accounts"
	auditTable    = "audit_batches"
	sealTable     = "audit_seal"
	feedTable     = "feed"
	keysTable     = "keys"
	countersTable = "counters"
)

// Named is the table of a name, which has to be in the list.
func Named(name string) *Table {
	for i := range Tables {
		if Tables[i].Name == name {
			return &Tables[i]
		}
	}
	panic("move: no table " + name)
}

// Names are the names of the columns.
func (t *Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// at is where a column stands in a row.
func (t *Table) at(column string) int {
	for i, c := range t.Columns {
		if c.Name == column {
			return i
		}
	}
	panic("move: table " + t.Name + " has no column " + column)
}
