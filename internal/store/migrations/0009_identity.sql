-- How a person proves who they are, beside a password. A session that was open
-- before proved less than is asked now, so everybody signs in once more.

DELETE FROM session;

ALTER TABLE session ADD COLUMN id TEXT NOT NULL DEFAULT '';

ALTER TABLE session ADD COLUMN factors TEXT NOT NULL DEFAULT '[]';

ALTER TABLE session ADD COLUMN fresh BIGINT NOT NULL DEFAULT 0;

ALTER TABLE session ADD COLUMN agent TEXT NOT NULL DEFAULT '';

-- credential holds the public key and the counter of the authenticator, no
-- secret. suspended: its counter went back, so there may be a copy of it.
CREATE TABLE passkey (
  site TEXT NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, credential {bytes} NOT NULL,
  created BIGINT NOT NULL, last_used BIGINT NOT NULL, suspended BOOLEAN NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, account) REFERENCES account (site, id)) {keyed};

CREATE INDEX passkey_account ON passkey (site, account);

-- secret is sealed. last_step is the newest time step whose code was used: a
-- code works once.
CREATE TABLE code_generator (
  site TEXT NOT NULL, account TEXT NOT NULL, secret {bytes} NOT NULL, confirmed BOOLEAN NOT NULL,
  last_step BIGINT NOT NULL, created BIGINT NOT NULL,
  PRIMARY KEY (site, account),
  FOREIGN KEY (site, account) REFERENCES account (site, id)) {keyed};

-- Whom the hospital's own sign-on means by a subject.
CREATE TABLE identity (
  site TEXT NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, provider TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
  created BIGINT NOT NULL, by_whom TEXT NOT NULL,
  PRIMARY KEY (site, id),
  UNIQUE (site, issuer, subject),
  FOREIGN KEY (site, account) REFERENCES account (site, id)) {keyed};

CREATE INDEX identity_account ON identity (site, account);

-- What a person is told about the own account until it was seen.
CREATE TABLE account_notice (
  site TEXT NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL,
  by_whom TEXT NOT NULL, from_address TEXT NOT NULL, seen BIGINT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, account) REFERENCES account (site, id)) {keyed};

CREATE INDEX account_notice_account ON account_notice (site, account, at);
