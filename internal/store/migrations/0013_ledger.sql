-- The ledger's Merkle log: entry n of audit is leaf n.

CREATE TABLE ledger_leaf (
  site TEXT NOT NULL, n BIGINT NOT NULL, audit BIGINT NOT NULL, salt {bytes} NOT NULL, hash {bytes} NOT NULL,
  PRIMARY KEY (site, n)) {keyed};

CREATE TABLE ledger_checkpoint (
  site TEXT NOT NULL, size BIGINT NOT NULL, at BIGINT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (site, size)) {keyed};
