-- The ledger of silence. A gap says of what kind its cause is; what was written
-- before kinds were kept has none. expected says which stream was expected of
-- which patient, how often and from when to when: what is not a gap in it came.

ALTER TABLE gap ADD COLUMN kind TEXT NOT NULL DEFAULT '';

CREATE TABLE expected (
  site TEXT NOT NULL, patient TEXT NOT NULL, metric TEXT NOT NULL, from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL,
  kind TEXT NOT NULL, every_ms BIGINT NOT NULL, ended TEXT NOT NULL,
  PRIMARY KEY (site, patient, metric, from_ms)) {keyed};
