-- Who stands in which relation to a patient, what the patient agreed to, and who
-- looked in an emergency. Nothing here is removed: what ended keeps its row, so
-- that what could be seen at any time can be told.

CREATE TABLE relation (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL,
  from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL,
  ended_by TEXT NOT NULL, ended_why TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id),
  FOREIGN KEY (site, account) REFERENCES account (site, id)) {keyed};

CREATE INDEX relation_patient ON relation (site, patient, account);

CREATE INDEX relation_account ON relation (site, account, patient);

-- data, role and purpose are 'all' where they do not narrow, account is ''.
CREATE TABLE consent (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, data TEXT NOT NULL, account TEXT NOT NULL,
  role TEXT NOT NULL, purpose TEXT NOT NULL, permit BOOLEAN NOT NULL, from_ms BIGINT NOT NULL,
  to_ms BIGINT NOT NULL, by_whom TEXT NOT NULL, behalf BOOLEAN NOT NULL, why TEXT NOT NULL,
  ended BIGINT NOT NULL, ended_by TEXT NOT NULL, ended_why TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX consent_patient ON consent (site, patient, from_ms);

CREATE TABLE glass (
  site TEXT NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, role TEXT NOT NULL, patient TEXT NOT NULL, reason TEXT NOT NULL,
  from_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL, ended BIGINT NOT NULL, reviewed BIGINT NOT NULL,
  reviewed_by TEXT NOT NULL, verdict TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, account) REFERENCES account (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX glass_account ON glass (site, account, patient, until_ms);

CREATE INDEX glass_patient ON glass (site, patient, from_ms);

-- Browsing that was noticed in the ledger.
CREATE TABLE anomaly (
  site TEXT NOT NULL, id TEXT NOT NULL, at BIGINT NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, kind TEXT NOT NULL,
  looks BIGINT NOT NULL, patients BIGINT NOT NULL, minutes BIGINT NOT NULL, bound BIGINT NOT NULL,
  seen BIGINT NOT NULL, seen_by TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE INDEX anomaly_who ON anomaly (site, who, kind, at);

-- The patient that an account of role patient is.
ALTER TABLE account ADD COLUMN patient TEXT NOT NULL DEFAULT '';

-- Who looked at how much lately is asked all the time.
CREATE INDEX audit_who ON audit (site, who, at);
