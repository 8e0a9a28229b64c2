-- What the flow writes. A series is one metric of one patient from one device,
-- read by one decoder; its number carries the site. Rows are superseded by a
-- correction, never overwritten.

CREATE TABLE owner (
  site TEXT NOT NULL, part BIGINT NOT NULL, epoch BIGINT NOT NULL, applied BIGINT NOT NULL,
  PRIMARY KEY (site, part)) {keyed};

CREATE TABLE snapshot (
  site TEXT NOT NULL, part BIGINT NOT NULL, applied BIGINT NOT NULL, body {bytes} NOT NULL,
  PRIMARY KEY (site, part));

CREATE TABLE raw_mark (
  site TEXT NOT NULL, part BIGINT NOT NULL, frame BIGINT NOT NULL, body {bytes},
  PRIMARY KEY (site, part));

CREATE TABLE frame_mark (
  site TEXT NOT NULL, stream TEXT NOT NULL, part BIGINT NOT NULL, at BIGINT NOT NULL, frame BIGINT NOT NULL,
  PRIMARY KEY (site, stream, part, at)) {keyed};

CREATE TABLE series (
  id {serial}, site TEXT NOT NULL, patient TEXT NOT NULL, metric TEXT NOT NULL, device TEXT NOT NULL,
  unit TEXT NOT NULL, decoder TEXT NOT NULL,
  UNIQUE (site, patient, metric, device, unit, decoder));

CREATE INDEX series_device ON series (site, device);

CREATE TABLE correction (
  id {serial}, site TEXT NOT NULL, at BIGINT NOT NULL, device TEXT NOT NULL, from_ms BIGINT NOT NULL,
  to_ms BIGINT NOT NULL, patient TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL);

-- Chunks lie in the order of their key, so that a day of one vital is one or two
-- pages and not a dozen. version tells apart what began in the same millisecond.
CREATE TABLE chunk (
  series BIGINT NOT NULL REFERENCES series (id), from_ms BIGINT NOT NULL, version BIGINT NOT NULL, to_ms BIGINT NOT NULL,
  samples BIGINT NOT NULL, low DOUBLE PRECISION, high DOUBLE PRECISION, quality BIGINT NOT NULL,
  late BOOLEAN NOT NULL, made_by BIGINT NOT NULL, superseded BIGINT NOT NULL, damaged BOOLEAN NOT NULL,
  body {bytes} NOT NULL,
  PRIMARY KEY (series, from_ms, version)) {keyed};

CREATE TABLE wave (
  id {serial}, series BIGINT NOT NULL REFERENCES series (id), from_us BIGINT NOT NULL, to_us BIGINT NOT NULL,
  millihz BIGINT NOT NULL, gain BIGINT NOT NULL, gain_exponent BIGINT NOT NULL, zero BIGINT NOT NULL,
  samples BIGINT NOT NULL, quality BIGINT NOT NULL, made_by BIGINT NOT NULL, superseded BIGINT NOT NULL,
  damaged BOOLEAN NOT NULL, body {bytes} NOT NULL);

CREATE INDEX wave_time ON wave (series, from_us, to_us);

CREATE TABLE event (
  id {serial}, site TEXT NOT NULL, patient TEXT NOT NULL, device TEXT NOT NULL, kind TEXT NOT NULL,
  code TEXT NOT NULL, text TEXT NOT NULL, device_ms BIGINT NOT NULL, receive_ms BIGINT NOT NULL,
  effective_ms BIGINT NOT NULL, offset_ms BIGINT NOT NULL, uncertainty_ms BIGINT NOT NULL,
  quality BIGINT NOT NULL, sequence BIGINT NOT NULL, part BIGINT NOT NULL, frame BIGINT NOT NULL,
  idx BIGINT NOT NULL, decoder TEXT NOT NULL, made_by BIGINT NOT NULL, superseded BIGINT NOT NULL);

CREATE INDEX event_patient ON event (site, patient, effective_ms);

CREATE INDEX event_device ON event (site, device, effective_ms);

-- loose is the device of a value that belongs to nobody, and empty otherwise.
-- body is the sample: a ward of values is read at once, and columns cost time.
CREATE TABLE latest (
  site TEXT NOT NULL, patient TEXT NOT NULL, loose TEXT NOT NULL, metric TEXT NOT NULL, device TEXT NOT NULL,
  unit TEXT NOT NULL, effective_ms BIGINT NOT NULL, body {bytes} NOT NULL,
  PRIMARY KEY (site, patient, loose, metric)) {keyed};

CREATE TABLE gap (
  site TEXT NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL, metric TEXT NOT NULL, from_ms BIGINT NOT NULL,
  to_ms BIGINT NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE INDEX gap_patient ON gap (site, patient, from_ms);

CREATE TABLE problem (
  id {serial}, site TEXT NOT NULL, device TEXT NOT NULL, credential TEXT NOT NULL, at BIGINT NOT NULL,
  part BIGINT NOT NULL, frame BIGINT NOT NULL, idx BIGINT NOT NULL, format TEXT NOT NULL, reason TEXT NOT NULL,
  preview TEXT NOT NULL);

CREATE INDEX problem_at ON problem (site, at);

CREATE INDEX problem_device ON problem (site, device, at);

CREATE TABLE retention (
  site TEXT NOT NULL, what TEXT NOT NULL, days BIGINT NOT NULL, last_run BIGINT NOT NULL, removed BIGINT NOT NULL,
  PRIMARY KEY (site, what)) {keyed};
