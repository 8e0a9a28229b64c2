-- Certificates that Vigil issued to devices, and the one-time secrets by which
-- a device asks for its first.

CREATE TABLE certificate (
  site TEXT NOT NULL, serial TEXT NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL, fingerprint TEXT NOT NULL,
  not_before BIGINT NOT NULL, not_after BIGINT NOT NULL, revoked BIGINT NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (site, serial),
  FOREIGN KEY (site, device) REFERENCES device (site, id)) {keyed};

CREATE INDEX certificate_device ON certificate (site, device, not_after);

CREATE TABLE enrolment (
  hash {bytes} NOT NULL PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, created BIGINT NOT NULL,
  expires BIGINT NOT NULL, used BIGINT NOT NULL,
  FOREIGN KEY (site, device) REFERENCES device (site, id)) {keyed};

CREATE INDEX enrolment_device ON enrolment (site, device);
