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
    9: """BEGIN TRANSACTION;
CREATE TEMP TABLE campaign_before AS FROM store.campaign;
DROP TABLE store.campaign;
CREATE TABLE store.campaign (
  campaign_id VARCHAR NOT NULL,
  file_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  version_sha256 VARCHAR NOT NULL,
  search_key VARCHAR NOT NULL,
  path VARCHAR NOT NULL,
  description VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  model_revision VARCHAR,
  hardware VARCHAR NOT NULL,
  gpus INTEGER NOT NULL,
  price_per_gpu_hour DOUBLE CHECK (isfinite(price_per_gpu_hour)),
  currency VARCHAR NOT NULL,
  deploy VARCHAR NOT NULL,
  client VARCHAR NOT NULL,
  objective VARCHAR NOT NULL,
  objective_at VARCHAR NOT NULL,
  goal VARCHAR NOT NULL CHECK (goal IN ('maximize', 'minimize')),
  unit VARCHAR NOT NULL,
  sampler VARCHAR NOT NULL,
  seed BIGINT NOT NULL,
  trials_planned INTEGER NOT NULL,
  attempt_timeout_seconds DOUBLE NOT NULL CHECK (isfinite(attempt_timeout_seconds)),
  campaign_json JSON NOT NULL,
  campaign_text VARCHAR NOT NULL,
  PRIMARY KEY (campaign_id, file_id)
);
INSERT INTO store.campaign BY NAME
  SELECT *, sha256(concat_ws(chr(10), path, campaign_text, campaign_json::VARCHAR)) AS file_id FROM campaign_before;
DROP TABLE campaign_before;
CREATE TEMP TABLE record_before AS FROM store.record;
DROP TABLE store.record;
CREATE TABLE store.record (
  kind VARCHAR NOT NULL CHECK (kind IN ('run_start', 'run_end', 'attempt', 'rejection', 'comparison', 'rules',
    'retraction', 'merge')),
  record_id VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')),
  path VARCHAR NOT NULL,
  ingested_utc TIMESTAMP NOT NULL,
  PRIMARY KEY (kind, record_id)
);
INSERT INTO store.record BY NAME FROM record_before;
DROP TABLE record_before;
CREATE TABLE store.merge (
  merge_id VARCHAR PRIMARY KEY,
  source VARCHAR NOT NULL,
  form VARCHAR NOT NULL CHECK (form IN ('records', 'file')),
  sha256 VARCHAR CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')),
  host VARCHAR NOT NULL,
  tunebook_version VARCHAR NOT NULL,
  merged_utc TIMESTAMP NOT NULL
);
CREATE TABLE store.merged (
  merge_id VARCHAR NOT NULL,
  kind VARCHAR NOT NULL CHECK (kind IN ('run_start', 'run_end', 'attempt', 'rejection', 'comparison', 'rules',
    'retraction', 'merge')),
  record_id VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}'))
);
COMMIT""",
    10: """
BEGIN;
CREATE TEMP TABLE record_before AS FROM store.record;
DROP TABLE store.record;
CREATE TABLE store.record (
  kind VARCHAR NOT NULL CHECK (kind IN ('run_start', 'run_end', 'attempt', 'rejection', 'comparison', 'rules',
    'retraction', 'merge', 'foreign')),
  record_id VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')),
  path VARCHAR NOT NULL,
  ingested_utc TIMESTAMP NOT NULL,
  PRIMARY KEY (kind, record_id)
);
INSERT INTO store.record BY NAME FROM record_before;
DROP TABLE record_before;
CREATE TEMP TABLE merged_before AS FROM store.merged;
DROP TABLE store.merged;
CREATE TABLE store.merged (
  merge_id VARCHAR NOT NULL,
  kind VARCHAR NOT NULL CHECK (kind IN ('run_start', 'run_end', 'attempt', 'rejection', 'comparison', 'rules',
    'retraction', 'merge', 'foreign')),
  record_id VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}'))
);
INSERT INTO store.merged BY NAME FROM merged_before;
DROP TABLE merged_before;
CREATE TABLE store.foreign_result (
  foreign_id VARCHAR PRIMARY KEY,
  format VARCHAR NOT NULL,
  tool VARCHAR NOT NULL,
  tool_version VARCHAR,
  model VARCHAR,
  started_utc TIMESTAMP,
  said VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')),
  bytes BIGINT NOT NULL,
  host VARCHAR NOT NULL,
  tunebook_version VARCHAR NOT NULL,
  imported_utc TIMESTAMP NOT NULL,
  unread VARCHAR[] NOT NULL,
  missing VARCHAR[] NOT NULL
);
CREATE TABLE store.foreign_level (
  foreign_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  load_kind VARCHAR CHECK (load_kind IN ('concurrency', 'rate', 'ramp', 'burst', 'speed')),
  load_value DOUBLE CHECK (isfinite(load_value)),
  ok INTEGER,
  failed INTEGER,
  lost INTEGER,
  seconds DOUBLE CHECK (isfinite(seconds))
);
CREATE TABLE store.foreign_metric (
  foreign_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  metric VARCHAR NOT NULL,
  stat VARCHAR NOT NULL,
  unit VARCHAR NOT NULL,
  value DOUBLE NOT NULL CHECK (isfinite(value)),
  published_as VARCHAR NOT NULL,
  published_unit VARCHAR NOT NULL
);
COMMIT""",
}
"""Version -> SQL that takes a store of the version before to it. What ALTER can not do is left to `store rebuild`."""
