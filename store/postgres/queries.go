package postgres

// The statements of a commit. They are sent together, so none can look at what
// another answered: what is conditional is decided inside a statement, and what
// must not be written at all divides by zero, which undoes the transaction. Where a
// statement is about many sets, those that must not be written are named by the
// error: their numbers are cast as if they were one.
//
// Each statement sees what was committed when it began. So a lock that is to
// order what a statement sees is taken by a statement before it.
const (
	begin     = "BEGIN ISOLATION LEVEL READ COMMITTED"
	commit    = "COMMIT"
	takeFeed  = "SELECT 1 FROM turns WHERE name = 'feed' FOR UPDATE"
	takeAudit = "SELECT 1 FROM turns WHERE name = 'audit' FOR UPDATE"

	now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

	mark   = "INSERT INTO commits (writer, n, at) VALUES ($1, $2, " + now + ")"
	unmark = "DELETE FROM commits WHERE writer = $1 AND n < $2"

	// It tells a commit's own row by its sign from one that an earlier try of this
	// wrote, and it always writes: who is answered waits for the replica as the commit
	// did, and a commit that only a server knows which was killed is not made yet.
	decided = "INSERT INTO commits (writer, n, at) VALUES ($1, $2, -" + now + ") ON CONFLICT (writer, n) DO UPDATE SET at = commits.at RETURNING at > 0"

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
	used = `WITH t AS (SELECT k.id, n.at FROM keys k JOIN unnest($1::bigint[], $2::bigint[]) AS n (id, at) ON k.id = n.id
			WHERE k.last_used < n.at ORDER BY k.id FOR NO KEY UPDATE OF k)
		UPDATE keys k SET last_used = t.at FROM t WHERE k.id = t.id AND k.last_used < t.at`
	takeCaps = "SELECT 1 FROM accounts WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"
	findRoom = `SELECT 1 / (count(*) < $5)::integer FROM (SELECT 1 FROM sessions WHERE capped = $1 AND capped <> 0 AND (ends = 0 OR ends > $2)
		AND dialect = $3 AND principal <> $4 LIMIT $5) live`

	// A row is changed if it is what it was thought to be; one that was thought not to
	// be there is made, and of two nodes that make it one fails on the other's.
	countFailures = `WITH n AS (SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bytea[], $4::boolean[], $5::bigint[], $6::bigint[],
			$7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
			AS n (of_set, key, name, known, failures, last, locked, forget, was_failures, was_last, was_locked)),
		held AS (SELECT g.key, g.failures, g.last, g.locked FROM guards g JOIN n ON g.key = n.key ORDER BY g.key FOR UPDATE OF g),
		fit AS (SELECT n.* FROM n JOIN held h ON h.key = n.key WHERE h.failures = n.was_failures AND h.last = n.was_last AND h.locked = n.was_locked),
		gone AS (DELETE FROM guards g USING fit f WHERE g.key = f.key AND f.failures = 0 AND f.locked = 0),
		changed AS (UPDATE guards g SET name = f.name, known = f.known, failures = f.failures, last = f.last, locked = f.locked, forget = f.forget
			FROM fit f WHERE g.key = f.key AND (f.failures <> 0 OR f.locked <> 0) RETURNING g.key),
		made AS (INSERT INTO guards (key, name, known, failures, last, locked, forget)
			SELECT key, name, known, failures, last, locked, forget FROM n
			WHERE was_failures = 0 AND was_last = 0 AND was_locked = 0 AND (failures <> 0 OR locked <> 0) ORDER BY key
			ON CONFLICT (key) DO NOTHING RETURNING key),
		bad AS (SELECT of_set FROM n WHERE (failures <> 0 OR locked <> 0) AND key NOT IN (SELECT key FROM changed UNION ALL SELECT key FROM made))
		` + refuseBad

	// Names are locked until the commit: whoever counts a failure of one waits, and is
	// seen. Addresses are not, or all that come from one would wait for each other.
	// Nearly none of the keys is there, so they are looked up alone and joined then.
	passLocks = `WITH held AS (SELECT key, locked FROM guards WHERE key = ANY ($2::bytea[]) ORDER BY key FOR UPDATE),
		gone AS (DELETE FROM guards g USING held h WHERE g.key = h.key),
		seen AS (SELECT key, locked FROM held UNION ALL SELECT key, locked FROM guards WHERE key = ANY ($5::bytea[])),
		bad AS (SELECT n.of_set FROM seen s JOIN (SELECT * FROM unnest($1::integer[], $2::bytea[], $3::bigint[])
				UNION ALL SELECT * FROM unnest($4::integer[], $5::bytea[], $6::bigint[])) AS n (of_set, key, at)
			ON s.key = n.key WHERE s.locked > n.at)
		` + refuseBad

	// Of sets that take of one allowance, those that came first get what is left.
	takeAllowances = `WITH n AS (SELECT *, row_number() OVER (PARTITION BY key ORDER BY of_set) AS place
			FROM unnest($1::integer[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) AS n (of_set, key, most, at, until)),
		sums AS (SELECT key, count(*) AS taken, min(at) AS at, min(until) AS until FROM n GROUP BY key),
		put AS (INSERT INTO guards AS g (key, name, known, failures, last, locked, forget)
			SELECT key, '', false, taken, at, 0, until FROM sums ORDER BY key
			ON CONFLICT (key) DO UPDATE SET
				failures = CASE WHEN g.forget <= excluded.last THEN excluded.failures ELSE g.failures + excluded.failures END,
				last = CASE WHEN g.forget <= excluded.last THEN excluded.last ELSE g.last END,
				forget = CASE WHEN g.forget <= excluded.last THEN excluded.forget ELSE g.forget END
			RETURNING key, failures),
		bad AS (SELECT n.of_set FROM n JOIN put p ON p.key = n.key JOIN sums s ON s.key = n.key WHERE p.failures - s.taken + n.place > n.most)
		` + refuseBad

	// Of sets with a step of one user, each has to be newer than those before it.
	signIn = `WITH n AS (SELECT *, coalesce(max(step) OVER (PARTITION BY id ORDER BY of_set ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
			FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n (of_set, id, at, step)),
		newest AS (SELECT id, max(at) AS at, max(step) AS step FROM n GROUP BY id),
		held AS (SELECT u.id, u.factor_step AS was, n.at, n.step FROM users u JOIN newest n ON u.id = n.id ORDER BY u.id FOR NO KEY UPDATE OF u),
		signed AS (UPDATE users u SET last_sign_in = greatest(u.last_sign_in, h.at), factor_step = greatest(u.factor_step, h.step) FROM held h WHERE u.id = h.id),
		bad AS (SELECT n.of_set FROM n LEFT JOIN held h ON h.id = n.id WHERE n.step > 0 AND (h.id IS NULL OR n.step <= h.was OR n.step <= n.before))
		` + refuseBad

	refuseBad = "SELECT CASE WHEN sets IS NULL THEN 0 ELSE ('" + conflicting + "' || sets)::integer END FROM (SELECT string_agg(DISTINCT of_set::text, ' ') AS sets FROM bad) refused"

	dropGuards = `WITH t AS (SELECT key FROM guards WHERE key = ANY ($1::bytea[]) ORDER BY key FOR UPDATE)
		DELETE FROM guards g USING t WHERE g.key = t.key`

	insertAudit = `WITH newest AS (SELECT seq, chain FROM audit_batches ORDER BY seq DESC LIMIT 1)
		INSERT INTO audit_batches (seq, at, count, body, chain)
		SELECT coalesce((SELECT seq FROM newest), 0) + 1, $1, $2, $3::bytea,
			sha256(coalesce((SELECT chain FROM newest), decode(repeat('00', 32), 'hex')) || $3::bytea)`
)
