-- How people are reached, who is on duty, and what became of every message. An
-- assignment that was replaced is ended and kept: who covered a bed at three in
-- the morning stays as it was.

CREATE TABLE channel (
  site TEXT NOT NULL, id TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, address TEXT NOT NULL, secret TEXT NOT NULL,
  position BIGINT NOT NULL, quiet_from BIGINT NOT NULL, quiet_to BIGINT NOT NULL, state TEXT NOT NULL,
  verified BIGINT NOT NULL, created BIGINT NOT NULL, removed BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE INDEX channel_account ON channel (site, account, position);

CREATE TABLE assignment (
  site TEXT NOT NULL, id TEXT NOT NULL, ward TEXT NOT NULL, shift TEXT NOT NULL, shift_from BIGINT NOT NULL, shift_to BIGINT NOT NULL,
  bed TEXT NOT NULL, account TEXT NOT NULL, backup TEXT NOT NULL, from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL,
  by_whom TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, bed) REFERENCES bed (site, id)) {keyed};

CREATE INDEX assignment_ward ON assignment (site, ward, to_ms);

-- The newest row of a ward holds. The ward '' is the site: who is told of what
-- belongs to no ward.
CREATE TABLE chain (
  id {serial}, site TEXT NOT NULL, ward TEXT NOT NULL, body TEXT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL, at BIGINT NOT NULL);

CREATE INDEX chain_ward ON chain (site, ward, id);

CREATE TABLE station (
  site TEXT NOT NULL, id TEXT NOT NULL, ward TEXT NOT NULL, account TEXT NOT NULL, sound TEXT NOT NULL,
  tested BIGINT NOT NULL, seen BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE INDEX station_seen ON station (site, seen);

-- expanded: when it was decided who is told, 0: not yet.
ALTER TABLE page ADD COLUMN expanded BIGINT NOT NULL DEFAULT 0;

CREATE INDEX page_new ON page (site, priority, at) WHERE settled = 0 AND expanded = 0;

CREATE INDEX page_waits ON page (site, priority, at) WHERE settled = 0;

-- Whom a page goes to, in order, as it was when the page was taken up. next_ms:
-- when to look whether somebody else has to be told.
CREATE TABLE paging (
  site TEXT NOT NULL, page TEXT NOT NULL, alarm TEXT NOT NULL, plan TEXT NOT NULL, at BIGINT NOT NULL,
  next_ms BIGINT NOT NULL, ended BIGINT NOT NULL, outcome TEXT NOT NULL,
  PRIMARY KEY (site, page)) {keyed};

CREATE INDEX paging_next ON paging (site, next_ms) WHERE ended = 0;

CREATE INDEX paging_alarm ON paging (site, alarm) WHERE ended = 0;

-- One message of one page to one person by one channel: never two.
CREATE TABLE delivery (
  site TEXT NOT NULL, id TEXT NOT NULL, page TEXT NOT NULL, alarm TEXT NOT NULL, person TEXT NOT NULL, channel TEXT NOT NULL,
  kind TEXT NOT NULL, level BIGINT NOT NULL, priority BIGINT NOT NULL, state TEXT NOT NULL, attempts BIGINT NOT NULL,
  at BIGINT NOT NULL, changed BIGINT NOT NULL, next_ms BIGINT NOT NULL, reason TEXT NOT NULL, replaces BOOLEAN NOT NULL,
  opened BIGINT NOT NULL,
  PRIMARY KEY (site, id),
  UNIQUE (site, page, person, channel)) {keyed};

CREATE INDEX delivery_due ON delivery (site, priority, next_ms) WHERE state IN ('queued', 'handing-over');

CREATE INDEX delivery_alarm ON delivery (site, alarm, at);

CREATE INDEX delivery_person ON delivery (site, person, at);

-- Whom to call for a patient, and where the patient is when not in a bed of ours.
CREATE TABLE person_contact (
  site TEXT NOT NULL, patient TEXT NOT NULL, name TEXT NOT NULL, relation TEXT NOT NULL, phone TEXT NOT NULL, email TEXT NOT NULL,
  address TEXT NOT NULL, detail BOOLEAN NOT NULL, by_whom TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (site, patient),
  FOREIGN KEY (site, patient) REFERENCES person (site, patient)) {keyed};
