-- Words of a person's name and numbers as keyed hashes, so that a sealed name
-- can still be found by its beginning.

CREATE TABLE person_word (
  site TEXT NOT NULL, patient TEXT NOT NULL, word {bytes} NOT NULL,
  PRIMARY KEY (site, word, patient),
  FOREIGN KEY (site, patient) REFERENCES patient (site, id)) {keyed};

CREATE INDEX person_word_patient ON person_word (site, patient);
