-- What identifies a person, notes, what devices sent as it came and where people
-- can be reached is sealed (docs/security/encryption.md). The rows that are there
-- already are sealed by the program in the same transaction, which also removes
-- the plain columns and the tables person_number and sealing_key
-- (internal/store/sealing.go).

-- Which key store sealed this database. One row.
CREATE TABLE key_store (
  id TEXT NOT NULL PRIMARY KEY, since BIGINT NOT NULL) {keyed};

-- Beginnings of the words of a person's name and numbers as keyed hashes, so that
-- a sealed name can still be found.
CREATE TABLE person_word (
  site TEXT NOT NULL, patient TEXT NOT NULL, word {bytes} NOT NULL,
  PRIMARY KEY (site, word, patient),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX person_word_patient ON person_word (site, patient);

-- Who was forgotten, so that no copy of the keys brings anybody back.
CREATE TABLE forgotten (
  site TEXT NOT NULL, patient TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (site, patient)) {keyed};

ALTER TABLE person ADD COLUMN body {bytes};

ALTER TABLE person_contact ADD COLUMN body {bytes};

ALTER TABLE observation ADD COLUMN sealed {bytes};

ALTER TABLE annotation ADD COLUMN sealed {bytes};

ALTER TABLE channel ADD COLUMN body {bytes};

ALTER TABLE problem ADD COLUMN sealed {bytes};

ALTER TABLE event ADD COLUMN sealed {bytes};

ALTER TABLE control ADD COLUMN patient TEXT NOT NULL DEFAULT '';

ALTER TABLE control ADD COLUMN sealed {bytes};

CREATE INDEX control_patient ON control (site, patient);
