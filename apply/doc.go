// Package apply brings the customers in a store to what a file says: tenants,
// organizations, divisions, API keys, apps, users, policies. example.yaml, next
// to this file, shows every field.
//
//	policies:
//	  day: {span: 1d}
//	tenants:
//	  - code: ACME
//	    keys:
//	      - {name: main, policy: day}    # no secret: made, and shown once
//
// The rules:
//
//   - An entry is found by what names it: a tenant by its code; an account below
//     it by its code, else by its number in the tenant; an API key by its name in
//     its account; a user by its name in the tenant; an app by its key.
//   - What is not there is created. What differs is changed. What the file does
//     not mention, an entry or a field, is left alone, except that a policy is
//     always stated as a whole. An entry with state: absent is removed; an
//     account has to be empty for it, or be emptied by the same file.
//   - Applying the same file again changes nothing, writes nothing and records
//     nothing in the audit.
//   - All of it happens in one transaction, or none of it does.
//
// Secrets. A key's secret is compared with its digest, a user's password with
// its hash, so the file may state them in clear each time. password_hash is taken
// as it is. One that is weaker than what Sallyport makes is hashed anew at the
// next login (see [secret.NeedsRehash]), and the file's does not replace that.
// A secret that was digested under an older key of the key set is digested anew.
// Secrets and passwords so short that they may be guessed are remarked upon when
// they are set, and not refused: customers have what they have.
// Nothing that this package prints, returns as an error or records in the audit
// holds a secret; [Outcome] alone holds the ones it generated.
//
// Sessions. Whoever may no longer log in loses the sessions there are, in the
// same transaction: of a key or user that is removed, disabled, inactive or
// expired, of everything below an account that is disabled, of a user whose
// password changes, and of a key whose secret is replaced. That is a rotation
// without overlap, because a replaced secret may have leaked; for one with
// overlap, add a second key and remove the first later.
//
// Comparing a password takes as long as a login. For thousands of users state
// password_hash.
//
// This package must not know which store it writes to.
package apply
