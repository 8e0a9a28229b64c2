-- The ledger's Merkle log: row n of audit is leaf n of its site. The rows that
-- are there already are taken in by the program, in their order, in the same
-- transaction (internal/store/ledger.go).

ALTER TABLE audit ADD COLUMN n BIGINT;

ALTER TABLE audit ADD COLUMN purpose TEXT NOT NULL DEFAULT '';

ALTER TABLE audit ADD COLUMN glass TEXT NOT NULL DEFAULT '';

ALTER TABLE audit ADD COLUMN salt {bytes};

ALTER TABLE audit ADD COLUMN leaf {bytes};

ALTER TABLE audit ADD COLUMN mark {bytes};

ALTER TABLE audit ADD COLUMN erased {bytes};

CREATE UNIQUE INDEX audit_n ON audit (site, n);

DROP INDEX audit_who;

CREATE INDEX audit_who ON audit (site, who, n);

DROP INDEX audit_patient;

CREATE INDEX audit_patient ON audit (site, patient, n);

-- One row a site: whoever writes entries locks it, so that n is dense and in order.
CREATE TABLE ledger_head (
  site TEXT NOT NULL, size BIGINT NOT NULL,
  PRIMARY KEY (site)) {keyed};

-- The hash over each 256 leaves (level 8), each 65,536 (level 16) and so on.
CREATE TABLE ledger_node (
  site TEXT NOT NULL, level BIGINT NOT NULL, n BIGINT NOT NULL, hash {bytes} NOT NULL,
  PRIMARY KEY (site, level, n)) {keyed};

CREATE TABLE ledger_checkpoint (
  site TEXT NOT NULL, size BIGINT NOT NULL, at BIGINT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (site, size)) {keyed};

CREATE INDEX ledger_checkpoint_at ON ledger_checkpoint (site, at);
