package controls_test

// requirement is one row of a rule that asks something of us: the text is a short
// paraphrase, the control is where it is met, and the tests name it by one of its
// ids behind "Covers:".
type requirement struct {
	ids     []string // the first is shown
	text    string
	control string // where it is met
	level3  bool   // of ASVS level 3: beyond what we claim as a whole
	later   string // not claimed, and why; "": claimed, so a test must name it
}

// source is a rule with its rows.
type source struct {
	name, note string
	rows       []requirement
}

var sources = []source{
	{"HIPAA Security Rule, 45 CFR 164.312", "the technical safeguards that are in force; what is only proposed is not claimed", []requirement{
		{[]string{"HIPAA-164.312(a)(1)"}, "only persons and programs that were given rights get in", "`internal/auth` (policy, gate), row filters in `internal/store`", false, ""},
		{[]string{"HIPAA-164.312(a)(2)(i)", "H1"}, "everybody has an identity of their own", "accounts; every entry of the ledger names one", false, ""},
		{[]string{"HIPAA-164.312(a)(2)(ii)", "H2"}, "a way in for emergencies", "break-glass: reason, fresh proof, time limit, review", false, ""},
		{[]string{"HIPAA-164.312(a)(2)(iii)", "H3"}, "sessions end by themselves", "15 minutes idle, 12 hours at most", false, ""},
		{[]string{"HIPAA-164.312(a)(2)(iv)", "H4"}, "what is stored can be encrypted", "`internal/seal`, sealed journal bodies (docs/security/encryption.md says what is not)", false, ""},
		{[]string{"HIPAA-164.312(b)", "H5"}, "what is done with health data is recorded", "the ledger: an entry in the same transaction (docs/security/ledger.md)", false, ""},
		{[]string{"HIPAA-164.312(c)(1)", "HIPAA-164.312(c)", "H6"}, "health data is protected from improper change", "checksums of the journal, quarantine, the ledger's Merkle log", false, ""},
		{[]string{"HIPAA-164.312(c)(2)"}, "whether data was changed can be shown", "`vigil ledger verify`, `vigil journal verify`", false, ""},
		{[]string{"HIPAA-164.312(d)", "H7"}, "who asks is who they say", "passkeys, codes with passwords, device certificates", false, ""},
		{[]string{"HIPAA-164.312(e)(1)", "HIPAA-164.312(e)(2)(ii)"}, "data on the way cannot be read", "TLS 1.3 on every address that is not loopback", false, ""},
		{[]string{"HIPAA-164.308(a)(7)", "K2"}, "there is a copy, and it can be put back", "`vigil backup`, `vigil restore`, drill", false, ""},
		{[]string{"HIPAA-164.508(b)(5)"}, "what a patient permitted can be taken back", "consent, effective at once", false, ""},
		{[]string{"H8"}, "proposed rule of 2025: second factor for everybody, separated networks, restore within 72 hours", "separate listeners, second factors, restore drill", false, ""},
	}},
	{"OWASP ASVS 5, by subject", "level 2; rows of level 3 are marked", []requirement{
		{[]string{"O1"}, "authentication and sessions as a whole", "`internal/auth`", false, ""},
		{[]string{"ASVS-2.4.1"}, "guessing and flooding by programs is slowed down", "throttles by account and address, bounded memory", false, ""},
		{[]string{"ASVS-6.3.1"}, "password spraying and stuffing are stopped", "throttles; a password alone lets nobody in", false, ""},
		{[]string{"ASVS-6.3.3"}, "two factors; at level 3 one that cannot be phished (a passkey is; a code is not)", "passkeys with user verification, or password and code", false, ""},
		{[]string{"ASVS-6.4.4"}, "a lost factor is replaced only by proving as much as at enrolment", "recovery by a link of an administrator, told to the person", false, ""},
		{[]string{"ASVS-6.5.1"}, "a code works once", "the step of the last code is kept", false, ""},
		{[]string{"ASVS-6.8.1"}, "identities of different sign-ons are not mixed up", "an identity is issuer and subject", false, ""},
		{[]string{"ASVS-7.2.4"}, "a new session token when somebody proves more", "the cookie changes with every factor", false, ""},
		{[]string{"ASVS-7.4.3"}, "other sessions can be ended when a factor changes", "all others end", false, ""},
		{[]string{"ASVS-7.5.3"}, "a fresh proof before what is most sensitive", "step-up within 5 minutes", true, ""},
		{[]string{"O2"}, "access control as a whole", "one policy as text, and SQL conditions made of it", false, ""},
		{[]string{"ASVS-8.2.2"}, "each object is checked, not only the function", "the same question for every route, socket and topic", false, ""},
		{[]string{"ASVS-8.2.3"}, "each field is checked", "kinds of data by consent", false, ""},
		{[]string{"ASVS-8.3.2"}, "changed rights hold at once", "live sockets included", true, ""},
		{[]string{"ASVS-8.4.1"}, "data of others is kept apart", "row filters in SQL; the answer is that of a world without the rows", false, ""},
		{[]string{"O3"}, "OAuth as a whole", "`internal/oauthd`", false, ""},
		{[]string{"ASVS-10.2.1"}, "a client defends its sign-in against forged answers", "state, nonce and PKCE bound to the browser", false, ""},
		{[]string{"ASVS-10.5.1"}, "a client defends against replayed id tokens", "nonce", false, ""},
		{[]string{"ASVS-9.1.1"}, "tokens are believed only with a good signature", "fixed algorithms", false, ""},
		{[]string{"ASVS-3.4.3"}, "a content security policy", "nonces, Trusted Types", false, ""},
		{[]string{"O4"}, "input, files and outgoing requests as a whole", "size limits, dial guard, cells of CSV", false, ""},
		{[]string{"O5"}, "cryptography and transport as a whole", "TLS 1.3, X25519MLKEM768, keys made at the first start", false, ""},
		{[]string{"ASVS-11.2.2"}, "algorithms can be exchanged", "key ids and algorithms in what is sealed and signed", true, ""},
		{[]string{"ASVS-11.3.3"}, "what is encrypted cannot be changed unseen", "authenticated encryption bound to its place", false, ""},
		{[]string{"ASVS-13.3.1"}, "secrets are kept apart from data", "the keys folder, outside of the database and its backups", false, ""},
		{[]string{"ASVS-14.2.3"}, "health data is not sent to others", "no outside resource in any page", false, ""},
		{[]string{"O6"}, "logging as a whole", "the ledger; logs hold no health data", false, ""},
		{[]string{"ASVS-16.2.1", "BALP"}, "an entry says who, what, when, from where, with what outcome", "`audit.Entry`; export as FHIR AuditEvent in the shape of IHE BALP", false, ""},
		{[]string{"ASVS-16.2.5"}, "sensitive data in logs is masked", "salted leaves, pseudonyms in logs", false, ""},
		{[]string{"ASVS-16.3.1"}, "who signed in, was refused, and looked is logged, and noticed", "the ledger; browsing anomalies", false, ""},
		{[]string{"ASVS-16.4.2"}, "logs cannot be changed unseen", "Merkle log, signed checkpoints", false, ""},
		{[]string{"ASVS-16.4.3"}, "logs are sent to another system", "the witness file; whole entries are exported, not sent", false, "entries are exported on request; a sink that is fed continuously is not built"},
	}},
	{"ETSI EN 303 645 and NISTIR 8259A", "what of it falls to the platform rather than to a device", []requirement{
		{[]string{"EN303645-5.1"}, "no universal default passwords", "every secret is made at the first start or shown once", false, ""},
		{[]string{"EN303645-5.2"}, "a way to report vulnerabilities", "SECURITY.md", false, "a text, not a test"},
		{[]string{"EN303645-5.3"}, "software is kept updated", "releases; device updates are not built", false, "updates of devices are not built"},
		{[]string{"EN303645-5.4"}, "secrets are stored securely", "sealed, or hashed, or in a file of its owner alone", false, ""},
		{[]string{"EN303645-5.5", "D1"}, "secure communication", "device certificates, EST, TLS 1.3", false, ""},
		{[]string{"EN303645-5.6"}, "exposed surfaces are few", "separate listeners that refuse each other's credentials", false, ""},
		{[]string{"EN303645-5.8"}, "personal data is protected", "consent, row filters, sealing", false, ""},
		{[]string{"EN303645-5.9"}, "outages are survived", "journal, buffering, replay", false, ""},
		{[]string{"EN303645-5.11"}, "people can have their data deleted", "`vigil forget`: keys destroyed; reasons in the ledger erased", false, ""},
		{[]string{"EN303645-5.13"}, "input is validated", "decoders, fuzzed", false, ""},
	}},
	{"GDPR", "two of the rights of the person", []requirement{
		{[]string{"GDPR-17"}, "a person can be forgotten", "`vigil forget`: keys destroyed, in the journal and backups too", false, ""},
		{[]string{"GDPR-20"}, "a person can take their data along", "the whole record as one file", false, ""},
	}},
	{"IEC 81001-5-1", "the activities that leave evidence in this repository", []requirement{
		{[]string{"IEC81001-5.2"}, "security requirements are written down", "this page", false, "this page is generated by the test that checks it"},
		{[]string{"IEC81001-5.7.1"}, "each requirement is tested", "this page: a row that is claimed and has no test fails the build", false, ""},
		{[]string{"IEC81001-5.7.2"}, "each threat's mitigation is tested", "threats.md", false, ""},
		{[]string{"IEC81001-5.7.3"}, "malformed input is tried", "fuzz targets", false, ""},
		{[]string{"IEC81001-8"}, "what is built from what is known", "go.mod, `vigil version`", false, "the list of components is printed, not yet a bill of materials"},
	}},
}

// threat is an attack or a fault, and what must happen.
type threat struct {
	id, attack, expected string
	later                string // not claimed, and why
}

var threats = []threat{
	{"S1", "a device under the name of another: its client id, topic, user name, with a certificate of its own", "refused, in the ledger; quarantined after three times", ""},
	{"S2", "a certificate in two places at once", "noticed; both are quarantined, an alert", ""},
	{"S3", "old packets sent again", "stored once; the repetition is counted", ""},
	{"S4", "clocks that are wrong by years, step back, stand at 1970", "kept with both times, marked, judged by the time of receipt, never dropped", ""},
	{"S5", "MQTT wildcards, shared and system topics, retained messages and wills for others", "refused; nothing is delivered", ""},
	{"S6", "malformed MQTT", "the connection ends, the server goes on, memory stays bounded", ""},
	{"A1", "reading what one may not see by any way round", "the answer is byte for byte that of a world without it", ""},
	{"A2", "asking yes-or-no questions about hidden data", "counts and pages betray nothing", ""},
	{"A3", "a token used for more than it was given; scopes widened on refresh; contexts swapped", "403, no data", ""},
	{"A4", "rights taken away while a live socket is open", "the stream ends within 5 seconds", ""},
	{"A5", "the server is made to call inside addresses", "refused when it dials, after the name was resolved", ""},
	{"A6", "formulas in exports", "written as text", ""},
	{"A7", "HL7 v2 bombs", "limits per message", "the HL7 door is not built"},
	{"A8", "XML entities", "refused", "no door takes XML"},
	{"A9", "compression bombs and deep nesting in what is sent", "limits of size, ratio and depth", ""},
	{"A10", "password spraying, code reuse, session fixation, passkey downgrade", "throttled, single use, a fresh session", ""},
	{"A11", "scripts in names and notes", "shown as text; the policy of the page blocks the rest", ""},
	{"A12", "browsing by somebody who may", "allowed, loud, reviewed; 200 looks raise an alert within a minute", ""},
	{"A13", "the ledger is deleted from, altered, reordered, cut off, put back, forked", "found from a checkpoint alone, and the first bad entry is named", ""},
	{"K1", "keys are gone, or their store is away", "what is held goes on; nothing is ever kept unsealed", ""},
	{"K2", "a backup that does not fit: newer, older, with somebody in it who was forgotten", "refused, or reconciled; who was forgotten stays so", ""},
	{"R3", "memory runs out, or is made to", "little is taken for each stranger; the rest goes on", ""},
	{"R6", "a bit flips in what is stored", "found, set aside, never taken for good and never deleted by itself", ""},
	{"R7", "a deployment that stops in the middle", "the schema is before or after, never between", ""},
}
