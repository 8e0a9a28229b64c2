-- How a person proves who they are, beside a password.

CREATE TABLE passkey (
  site TEXT NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, credential {bytes} NOT NULL,
  created BIGINT NOT NULL, last_used BIGINT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, account) REFERENCES account (site, id)) {keyed};

CREATE INDEX passkey_account ON passkey (site, account);

-- last_step is the newest time step whose code was used: a code works once.
CREATE TABLE code_generator (
  site TEXT NOT NULL, account TEXT NOT NULL, secret {bytes} NOT NULL, confirmed BOOLEAN NOT NULL,
  last_step BIGINT NOT NULL, created BIGINT NOT NULL,
  PRIMARY KEY (site, account),
  FOREIGN KEY (site, account) REFERENCES account (site, id)) {keyed};

ALTER TABLE session ADD COLUMN factors TEXT NOT NULL DEFAULT '';

ALTER TABLE session ADD COLUMN fresh BIGINT NOT NULL DEFAULT 0;
