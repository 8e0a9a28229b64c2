-- Programs that people or hospitals let in over OAuth.

CREATE TABLE client (
  site TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  created BIGINT NOT NULL, by_whom TEXT NOT NULL, revoked BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE TABLE client_grant (
  site TEXT NOT NULL, id TEXT NOT NULL, client TEXT NOT NULL, account TEXT NOT NULL, patient TEXT NOT NULL,
  created BIGINT NOT NULL, expires BIGINT NOT NULL, revoked BIGINT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, client) REFERENCES client (site, id)) {keyed};

CREATE INDEX client_grant_account ON client_grant (site, account);
