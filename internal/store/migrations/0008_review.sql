-- Who confirmed at the beginning of a shift that a limit of a patient's own
-- still is what is wanted.

CREATE TABLE limit_review (
  site TEXT NOT NULL, own_limit TEXT NOT NULL, patient TEXT NOT NULL, at BIGINT NOT NULL, by_whom TEXT NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (site, own_limit, at));

CREATE INDEX limit_review_patient ON limit_review (site, patient, at);
