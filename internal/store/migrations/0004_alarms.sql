-- Alarms, what happened to them, whom they were told, and what decides them.
-- Nothing here is ever removed. An alarm of the installation itself, and not of
-- a patient, has the patient 'site', which is why patient refers to no row.

CREATE TABLE alarm (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, ward TEXT NOT NULL, bed TEXT NOT NULL,
  rule TEXT NOT NULL, part TEXT NOT NULL, technical BOOLEAN NOT NULL, priority BIGINT NOT NULL, peak BIGINT NOT NULL,
  raised BIGINT NOT NULL, closed BIGINT NOT NULL, changed BIGINT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (site, id));

CREATE INDEX alarm_patient ON alarm (site, patient, raised);

CREATE INDEX alarm_ward ON alarm (site, ward, raised);

CREATE INDEX alarm_raised ON alarm (site, raised);

CREATE INDEX alarm_open ON alarm (site, patient) WHERE closed = 0;

-- alarm is empty for what was asked of a patient and not of one alarm.
CREATE TABLE alarm_deed (
  id {serial}, site TEXT NOT NULL, alarm TEXT NOT NULL, patient TEXT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL,
  verb TEXT NOT NULL, command BIGINT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL, text TEXT NOT NULL,
  level BIGINT NOT NULL, priority BIGINT NOT NULL, body TEXT NOT NULL);

CREATE INDEX alarm_deed_alarm ON alarm_deed (site, alarm, id);

CREATE INDEX alarm_deed_patient ON alarm_deed (site, patient, at);

CREATE INDEX alarm_deed_command ON alarm_deed (site, command) WHERE command > 0;

-- settled is 0 while somebody has still to be reached.
CREATE TABLE page (
  site TEXT NOT NULL, id TEXT NOT NULL, alarm TEXT NOT NULL, patient TEXT NOT NULL, ward TEXT NOT NULL,
  level BIGINT NOT NULL, kind TEXT NOT NULL, priority BIGINT NOT NULL, at BIGINT NOT NULL, technical BOOLEAN NOT NULL,
  settled BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE INDEX page_alarm ON page (site, alarm, at);

CREATE INDEX page_open ON page (site, at) WHERE settled = 0;

-- low and high are exact decimals, empty: no bound on that side.
CREATE TABLE own_limit (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
  low TEXT NOT NULL, high TEXT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL, from_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL, ended BIGINT NOT NULL, ended_by TEXT NOT NULL, ended_why TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX own_limit_patient ON own_limit (site, patient, from_ms);

-- The newest row of a patient holds; the others say what held before.
CREATE TABLE care (
  id {serial}, site TEXT NOT NULL, patient TEXT NOT NULL, body TEXT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL,
  at BIGINT NOT NULL,
  FOREIGN KEY (site, patient) REFERENCES patient (site, id));

CREATE INDEX care_patient ON care (site, patient, id);

CREATE TABLE rule_set (
  id {serial}, site TEXT NOT NULL, version TEXT NOT NULL, at BIGINT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL,
  files TEXT NOT NULL, active BOOLEAN NOT NULL);

CREATE INDEX rule_set_site ON rule_set (site, id);

CREATE UNIQUE INDEX rule_set_active ON rule_set (site) WHERE active;
