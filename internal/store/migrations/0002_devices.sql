-- Devices, who wears them, and everybody who may sign in.

CREATE TABLE device (
  site TEXT NOT NULL, id TEXT NOT NULL, label TEXT NOT NULL, kind TEXT NOT NULL, class TEXT NOT NULL,
  model TEXT NOT NULL, udi TEXT NOT NULL, regulatory TEXT NOT NULL, state TEXT NOT NULL,
  created BIGINT NOT NULL, demo BOOLEAN NOT NULL, namespaces TEXT NOT NULL, wards TEXT NOT NULL,
  all_wards BOOLEAN NOT NULL, search TEXT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE TABLE device_seen (
  site TEXT NOT NULL, device TEXT NOT NULL, at BIGINT NOT NULL, offset_ms BIGINT NOT NULL,
  uncertainty_ms BIGINT NOT NULL, drift_ppm DOUBLE PRECISION NOT NULL, packets BIGINT NOT NULL,
  readings BIGINT NOT NULL, problems BIGINT NOT NULL, duplicates BIGINT NOT NULL,
  PRIMARY KEY (site, device)) {keyed};

CREATE TABLE binding (
  site TEXT NOT NULL, id TEXT NOT NULL, device TEXT NOT NULL, patient TEXT NOT NULL, room TEXT NOT NULL,
  from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (site, id),
  FOREIGN KEY (site, device) REFERENCES device (site, id)) {keyed};

CREATE INDEX binding_device ON binding (site, device, from_ms);

CREATE INDEX binding_patient ON binding (site, patient, from_ms);

CREATE INDEX binding_room ON binding (site, room);

CREATE TABLE credential (
  site TEXT NOT NULL, id TEXT NOT NULL, class TEXT NOT NULL, subject TEXT NOT NULL, username TEXT NOT NULL,
  hash {bytes}, fingerprint TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL,
  revoked BIGINT NOT NULL, last_used BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE INDEX credential_name ON credential (site, username);

CREATE INDEX credential_fingerprint ON credential (site, fingerprint);

CREATE INDEX credential_subject ON credential (site, subject);

CREATE TABLE account (
  site TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, username TEXT NOT NULL, roles TEXT NOT NULL,
  wards TEXT NOT NULL, all_wards BOOLEAN NOT NULL, state TEXT NOT NULL, password_hash TEXT NOT NULL,
  created BIGINT NOT NULL, preferences TEXT NOT NULL,
  PRIMARY KEY (site, id),
  UNIQUE (site, username)) {keyed};

CREATE TABLE session (
  hash {bytes} NOT NULL PRIMARY KEY, site TEXT NOT NULL, account TEXT NOT NULL, created BIGINT NOT NULL,
  last_seen BIGINT NOT NULL, expires BIGINT NOT NULL, remote TEXT NOT NULL) {keyed};

CREATE INDEX session_account ON session (site, account);

CREATE TABLE token (
  site TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, class TEXT NOT NULL, hash {bytes} NOT NULL,
  wards TEXT NOT NULL, all_wards BOOLEAN NOT NULL, roles TEXT NOT NULL, created BIGINT NOT NULL,
  last_used BIGINT NOT NULL, expires BIGINT NOT NULL, revoked BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE UNIQUE INDEX token_hash ON token (hash);

CREATE TABLE link (
  hash {bytes} NOT NULL PRIMARY KEY, site TEXT NOT NULL, account TEXT NOT NULL,
  created BIGINT NOT NULL, expires BIGINT NOT NULL) {keyed};

CREATE TABLE setting (
  site TEXT NOT NULL, name TEXT NOT NULL, value {bytes} NOT NULL,
  PRIMARY KEY (site, name)) {keyed};

-- Wrapped data keys. A destroyed key keeps its row and loses its secret.
CREATE TABLE sealing_key (
  site TEXT NOT NULL, id BIGINT NOT NULL, subject TEXT NOT NULL, wrapped {bytes},
  created BIGINT NOT NULL, destroyed BIGINT NOT NULL,
  PRIMARY KEY (site, id)) {keyed};

CREATE TABLE mqtt_session (
  site TEXT NOT NULL, client TEXT NOT NULL, principal TEXT NOT NULL, expires BIGINT NOT NULL, body {bytes} NOT NULL,
  PRIMARY KEY (site, client)) {keyed};

CREATE TABLE mqtt_retained (
  site TEXT NOT NULL, topic TEXT NOT NULL, qos BIGINT NOT NULL, body {bytes} NOT NULL, at BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (site, topic)) {keyed};
