-- What an alarm rests on, gathered once and kept for good: packets, readings,
-- the text of the rule, the waveform around it. The body is compressed.

CREATE TABLE alarm_evidence (
  site TEXT NOT NULL, alarm TEXT NOT NULL, patient TEXT NOT NULL, at BIGINT NOT NULL, body {bytes} NOT NULL,
  PRIMARY KEY (site, alarm));

CREATE INDEX alarm_evidence_patient ON alarm_evidence (site, patient);
