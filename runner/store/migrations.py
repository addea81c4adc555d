"""How a store of an older schema becomes one of the next; the history stands at the head of schema.sql."""

from __future__ import annotations

MIGRATIONS: dict[int, str] = {
    2: "ALTER TABLE store.score ADD COLUMN hint VARCHAR",
    3: "ALTER TABLE store.attempt ADD COLUMN gpu_uuids VARCHAR[]",
    4: """CREATE TABLE store.quality (
  attempt_id VARCHAR PRIMARY KEY,
  reference VARCHAR NOT NULL,
  reference_attempt VARCHAR,
  prompts_id VARCHAR NOT NULL,
  prompts INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  compared INTEGER,
  exact INTEGER,
  exact_match DOUBLE CHECK (exact_match BETWEEN 0 AND 1),
  exact_low DOUBLE CHECK (exact_low BETWEEN 0 AND 1),
  exact_high DOUBLE CHECK (exact_high BETWEEN 0 AND 1),
  token_agreement DOUBLE CHECK (token_agreement BETWEEN 0 AND 1),
  tokens INTEGER,
  token_unit VARCHAR CHECK (token_unit IN ('token', 'word')),
  first_divergence DOUBLE CHECK (isfinite(first_divergence)),
  near_ties INTEGER,
  logprob_difference DOUBLE CHECK (isfinite(logprob_difference)),
  logprob_tokens INTEGER
)""",
    5: """BEGIN TRANSACTION;
CREATE TEMP TABLE level_before AS FROM store.level;
DROP TABLE store.level;
CREATE TABLE store.level (
  attempt_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  scenario VARCHAR NOT NULL,
  load_kind VARCHAR NOT NULL CHECK (load_kind IN ('concurrency', 'rate', 'ramp', 'burst', 'speed')),
  load_value DOUBLE NOT NULL CHECK (isfinite(load_value)),
  state VARCHAR NOT NULL CHECK (state IN ('complete', 'degraded', 'failed', 'not_reached')),
  sent INTEGER NOT NULL,
  ok INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  short INTEGER NOT NULL,
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)),
  load_before DOUBLE CHECK (isfinite(load_before)),
  load_after DOUBLE CHECK (isfinite(load_after)),
  steal DOUBLE CHECK (isfinite(steal)),
  cpus INTEGER,
  counters_json VARCHAR NOT NULL
);
INSERT INTO store.level BY NAME FROM level_before;
DROP TABLE level_before;
COMMIT""",
    6: """CREATE TABLE store.model (
  run_id VARCHAR PRIMARY KEY,
  form VARCHAR NOT NULL,
  weight_bytes BIGINT NOT NULL,
  files INTEGER NOT NULL,
  architecture VARCHAR,
  parameters BIGINT,
  quantization VARCHAR,
  dtypes_json JSON NOT NULL,
  positions BIGINT,
  layers BIGINT,
  kv_heads BIGINT,
  head_dim BIGINT,
  value_dim BIGINT,
  kv_latent BIGINT,
  kv_numbers_per_token BIGINT,
  vocabulary BIGINT
)""",
    7: """BEGIN TRANSACTION;
ALTER TABLE store.comparison ADD COLUMN purpose VARCHAR DEFAULT 'confirm';
ALTER TABLE store.comparison ADD COLUMN confidence DOUBLE DEFAULT 0.95;
ALTER TABLE store.comparison ADD COLUMN more_repeats INTEGER;
ALTER TABLE store.comparison ADD COLUMN at_most INTEGER;
ALTER TABLE store.comparison ADD COLUMN drift DOUBLE;
ALTER TABLE store.comparison ADD COLUMN drift_low DOUBLE;
ALTER TABLE store.comparison ADD COLUMN drift_high DOUBLE;
COMMIT""",
    8: """CREATE TABLE store.objective (
  attempt_id VARCHAR NOT NULL,
  rules_id VARCHAR NOT NULL,
  number INTEGER NOT NULL CHECK (number >= 1),
  objective VARCHAR NOT NULL,
  objective_at VARCHAR NOT NULL,
  goal VARCHAR NOT NULL CHECK (goal IN ('maximize', 'minimize')),
  unit VARCHAR NOT NULL,
  value DOUBLE NOT NULL CHECK (isfinite(value)),
  objective_value DOUBLE NOT NULL CHECK (isfinite(objective_value)),
  PRIMARY KEY (attempt_id, rules_id, number)
)""",
}
"""Version -> SQL that takes a store of the version before to it. What ALTER can not do is left to `store rebuild`."""
