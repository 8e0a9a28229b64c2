-- Programs that people or hospitals let in over OAuth. Secrets, codes and tokens
-- are kept as hashes; what must come back (body) is sealed by who writes it.

CREATE TABLE client (
  site TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  created BIGINT NOT NULL, by_whom TEXT NOT NULL, revoked BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

-- earlier is the refresh token before the present one: who shows it has a copy.
CREATE TABLE client_grant (
  site TEXT NOT NULL, id TEXT NOT NULL, client TEXT NOT NULL, account TEXT NOT NULL, patient TEXT NOT NULL,
  scopes TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, revoked BIGINT NOT NULL,
  code {bytes} NOT NULL, refresh {bytes} NOT NULL, earlier {bytes} NOT NULL, body {bytes} NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, client) REFERENCES client (site, id)) {keyed};

CREATE INDEX client_grant_account ON client_grant (site, account);

CREATE INDEX client_grant_code ON client_grant (site, code);

CREATE INDEX client_grant_refresh ON client_grant (site, refresh);

CREATE INDEX client_grant_earlier ON client_grant (site, earlier);

CREATE TABLE client_token (
  hash {bytes} NOT NULL PRIMARY KEY, site TEXT NOT NULL, granted TEXT NOT NULL, scopes TEXT NOT NULL,
  created BIGINT NOT NULL, expires BIGINT NOT NULL, revoked BIGINT NOT NULL,
  FOREIGN KEY (site, granted) REFERENCES client_grant (site, id)) {keyed};

CREATE INDEX client_token_expires ON client_token (site, expires);

-- What lasts minutes: requests that wait for a person's answer, launches, and
-- assertions that were used.
CREATE TABLE client_wait (
  hash {bytes} NOT NULL PRIMARY KEY, site TEXT NOT NULL, kind TEXT NOT NULL, expires BIGINT NOT NULL,
  body {bytes} NOT NULL) {keyed};

CREATE INDEX client_wait_expires ON client_wait (site, expires);
