package postgres

// The statements of a commit. They are sent together, so none can look at what
// another answered: what is conditional is decided inside a statement, and what
// must not be written at all divides by zero, which undoes the transaction.
//
// Each statement sees what was committed when it began. So a lock that is to
// order what a statement sees is taken by a statement before it.
const (
	begin     = "BEGIN ISOLATION LEVEL READ COMMITTED"
	commit    = "COMMIT"
	takeFeed  = "SELECT 1 FROM turns WHERE name = 'feed' FOR UPDATE"
	takeAudit = "SELECT 1 FROM turns WHERE name = 'audit' FOR UPDATE"

	now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

	mark    = "INSERT INTO commits (writer, n, at) VALUES ($1, $2, " + now + ")"
	unmark  = "DELETE FROM commits WHERE writer = $1 AND n < $2"
	decided = mark + " ON CONFLICT DO NOTHING"

	redeem = "WITH gone AS (DELETE FROM handoffs WHERE id = $1 RETURNING id) SELECT 1 / count(*) FROM gone"

	// Of two uses at once, one waits for the feed's turn and then sees the other.
	use = `WITH used AS (UPDATE sessions SET uses = uses - 1 WHERE id = $1 AND uses > 1 RETURNING id),
		gone AS (DELETE FROM sessions WHERE id = $1 AND uses = 1 RETURNING id),
		told AS (INSERT INTO feed (seq, kind, id, at) SELECT (SELECT coalesce(max(seq), 0) + 1 FROM feed), 1, id, ` + now + ` FROM gone),
		n AS (SELECT (SELECT count(*) FROM used) AS used, (SELECT count(*) FROM gone) AS gone)
		SELECT gone * (1 / (used + gone)) FROM n`

	rehash = "UPDATE users SET password = $3 WHERE id = $1 AND password = $2"

	// Unnested in the list of what is selected, arrays are walked side by side; in FROM
	// each is written out first, which took a fifth of the time of a group.
	insertSessions = `INSERT INTO sessions (id, ends, principal, issued, cap, idle, capped, uses, expire_on_new, digest, dialect, app, source, attrs)
		SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::bigint[]),
			unnest($8::integer[]), unnest($9::boolean[]), unnest($10::bytea[]), unnest($11::text[]), unnest($12::text[]), unnest($13::bytea[]), unnest($14::bytea[])`
	insertHandOffs = `INSERT INTO handoffs (id, digest, principal, dialect, attrs, issued, expires)
		SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[], $7::bigint[])`

	endSession = `WITH gone AS (DELETE FROM sessions WHERE id = $1 RETURNING id),
		told AS (INSERT INTO feed (seq, kind, id, at) SELECT (SELECT coalesce(max(seq), 0) + 1 FROM feed), 1, id, ` + now + ` FROM gone)
		SELECT count(*) FROM gone`
	endPrincipal = `WITH gone AS (DELETE FROM sessions WHERE principal = $1 AND id <> $2 RETURNING id),
		told AS (INSERT INTO feed (seq, kind, id, at) SELECT coalesce(max(seq), 0) + 1, 2, $1, ` + now + ` FROM feed)
		SELECT count(*) FROM gone`
	endAccount = `WITH RECURSIVE ` + below + `, who (id) AS (
			SELECT k.id FROM keys k JOIN below ON k.account = below.id UNION ALL SELECT u.id FROM users u JOIN below ON u.account = below.id),
		gone AS (DELETE FROM sessions WHERE principal IN (SELECT id FROM who) RETURNING id),
		told AS (INSERT INTO feed (seq, kind, id, at) SELECT coalesce(max(seq), 0) + 1, 3, $1, ` + now + ` FROM feed)
		SELECT count(*) FROM gone`

	// below is an account and all beneath it.
	below = "below (id) AS (SELECT $1::bigint UNION SELECT a.id FROM accounts a JOIN below b ON a.parent = b.id)"

	tell = `INSERT INTO feed (seq, kind, id, at)
		SELECT head.seq + n.place, n.kind, n.id, ` + now + ` FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS n (kind, id, place),
			(SELECT coalesce(max(seq), 0) AS seq FROM feed) head`

	// Rows that several may alter at once are locked in one order.
	touch = `WITH t AS (SELECT s.id, n.ends FROM sessions s JOIN unnest($1::bigint[], $2::bigint[]) AS n (id, ends) ON s.id = n.id
			WHERE s.ends <> 0 AND s.ends < n.ends ORDER BY s.id FOR NO KEY UPDATE OF s)
		UPDATE sessions s SET ends = t.ends FROM t WHERE s.id = t.id AND s.ends <> 0 AND s.ends < t.ends`
	signIn = `WITH t AS (SELECT u.id, n.at, n.step FROM users u JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS n (id, at, step) ON u.id = n.id
			ORDER BY u.id FOR NO KEY UPDATE OF u)
		UPDATE users u SET last_sign_in = greatest(u.last_sign_in, t.at), factor_step = greatest(u.factor_step, t.step) FROM t WHERE u.id = t.id`
	used = `WITH t AS (SELECT k.id, n.at FROM keys k JOIN unnest($1::bigint[], $2::bigint[]) AS n (id, at) ON k.id = n.id
			WHERE k.last_used < n.at ORDER BY k.id FOR NO KEY UPDATE OF k)
		UPDATE keys k SET last_used = t.at FROM t WHERE k.id = t.id AND k.last_used < t.at`
	putGuards = `INSERT INTO guards (key, name, known, failures, last, locked, forget)
		SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
		ON CONFLICT (key) DO UPDATE SET name = excluded.name, known = excluded.known, failures = excluded.failures,
			last = excluded.last, locked = excluded.locked, forget = excluded.forget`
	dropGuards = `WITH t AS (SELECT key FROM guards WHERE key = ANY ($1::bytea[]) ORDER BY key FOR UPDATE)
		DELETE FROM guards g USING t WHERE g.key = t.key`

	insertAudit = `WITH newest AS (SELECT seq, chain FROM audit_batches ORDER BY seq DESC LIMIT 1)
		INSERT INTO audit_batches (seq, at, count, body, chain)
		SELECT coalesce((SELECT seq FROM newest), 0) + 1, $1, $2, $3::bytea,
			sha256(coalesce((SELECT chain FROM newest), decode(repeat('00', 32), 'hex')) || $3::bytea)`
)
