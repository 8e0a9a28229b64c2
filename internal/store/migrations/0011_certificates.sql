-- Certificates that Vigil issued to devices, and the one-time secrets by which
-- a device asks for its first. One that replaces others ends them when it is
-- first seen in use; until then they count beside it.

CREATE TABLE certificate (
  site TEXT NOT NULL, serial TEXT NOT NULL, device TEXT NOT NULL, credential TEXT NOT NULL, name TEXT NOT NULL, fingerprint TEXT NOT NULL,
  issued BIGINT NOT NULL, not_after BIGINT NOT NULL, last_used BIGINT NOT NULL, revoked BIGINT NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (site, serial),
  UNIQUE (site, fingerprint),
  FOREIGN KEY (site, device) REFERENCES device (site, id)) {keyed};

CREATE INDEX certificate_device ON certificate (site, device, issued);

CREATE INDEX certificate_ends ON certificate (site, not_after);

CREATE TABLE enrolment (
  hash {bytes} NOT NULL PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, created BIGINT NOT NULL,
  expires BIGINT NOT NULL, used BIGINT NOT NULL,
  FOREIGN KEY (site, device) REFERENCES device (site, id)) {keyed};

CREATE INDEX enrolment_device ON enrolment (site, device);

ALTER TABLE device ADD COLUMN state_why TEXT NOT NULL DEFAULT '';

ALTER TABLE device ADD COLUMN state_since BIGINT NOT NULL DEFAULT 0;
