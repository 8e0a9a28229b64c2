-- Places and people. What identifies a person lives in person and
-- person_number only; every other table knows the random patient id.

CREATE TABLE ward (
  site TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, zone TEXT NOT NULL, kind TEXT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE TABLE room (
  site TEXT NOT NULL, id TEXT NOT NULL, ward TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, ward) REFERENCES ward (site, id)) {keyed};

CREATE TABLE bed (
  site TEXT NOT NULL, id TEXT NOT NULL, ward TEXT NOT NULL, room TEXT NOT NULL,
  label TEXT NOT NULL, position BIGINT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, ward) REFERENCES ward (site, id)) {keyed};

CREATE INDEX bed_ward ON bed (site, ward);

CREATE TABLE patient (
  site TEXT NOT NULL, id TEXT NOT NULL, demo BOOLEAN NOT NULL, created BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE TABLE person (
  site TEXT NOT NULL, patient TEXT NOT NULL, family TEXT NOT NULL, given TEXT NOT NULL,
  birth TEXT NOT NULL, sex TEXT NOT NULL, flags TEXT NOT NULL, search TEXT NOT NULL,
  PRIMARY KEY (site, patient),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE TABLE person_number (
  site TEXT NOT NULL, patient TEXT NOT NULL, ordinal BIGINT NOT NULL, system TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (site, patient, ordinal),
  FOREIGN KEY (site, patient) REFERENCES person (site, patient)) {keyed};

CREATE INDEX person_number_value ON person_number (site, value);

CREATE TABLE admission (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, ward TEXT NOT NULL, bed TEXT NOT NULL,
  from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id),
  FOREIGN KEY (site, bed) REFERENCES bed (site, id)) {keyed};

CREATE INDEX admission_patient ON admission (site, patient, ward);

CREATE INDEX admission_ward ON admission (site, ward, patient);

CREATE INDEX admission_bed ON admission (site, bed, from_ms);

CREATE TABLE standby (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, reason TEXT NOT NULL, by_whom TEXT NOT NULL,
  from_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL, ended BIGINT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX standby_patient ON standby (site, patient, from_ms);

CREATE TABLE plan_item (
  site TEXT NOT NULL, patient TEXT NOT NULL, metric TEXT NOT NULL, kind TEXT NOT NULL, every_s BIGINT NOT NULL,
  PRIMARY KEY (site, patient, metric),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE TABLE observation (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, at BIGINT NOT NULL, by_whom TEXT NOT NULL,
  items TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX observation_patient ON observation (site, patient, at);

CREATE TABLE annotation (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, at BIGINT NOT NULL, by_whom TEXT NOT NULL,
  kind TEXT NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX annotation_patient ON annotation (site, patient, at);

CREATE TABLE audit (
  id {serial}, site TEXT NOT NULL, at BIGINT NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL,
  from_address TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, patient TEXT NOT NULL,
  outcome TEXT NOT NULL, why TEXT NOT NULL);

CREATE INDEX audit_at ON audit (site, at);

CREATE INDEX audit_patient ON audit (site, patient, at);

-- Changes made here that alter what the flow does: it journals them, then marks them.
CREATE TABLE control (
  id {serial}, site TEXT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  journalled BOOLEAN NOT NULL);

CREATE INDEX control_pending ON control (site, journalled, id);
