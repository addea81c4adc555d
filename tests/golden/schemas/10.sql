CREATE TABLE store._refuse (
  message VARCHAR CHECK (CASE WHEN message IS NOT NULL
    THEN error('the store is append-only: ' || message) ELSE true END)
);
CREATE TABLE store.schema_migration (
  version INTEGER NOT NULL,
  views_sha256 VARCHAR NOT NULL,
  applied_utc TIMESTAMP NOT NULL,
  product_version VARCHAR NOT NULL,
  duckdb_version VARCHAR NOT NULL
);
CREATE TABLE store.record (
  kind VARCHAR NOT NULL CHECK (kind IN ('run_start', 'run_end', 'attempt', 'rejection', 'comparison', 'rules', 'retraction', 'merge', 'foreign')),
  record_id VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')),
  path VARCHAR NOT NULL,
  ingested_utc TIMESTAMP NOT NULL,
  PRIMARY KEY (kind, record_id)
);
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
CREATE TABLE store.run (
  run_id VARCHAR PRIMARY KEY,
  campaign_id VARCHAR NOT NULL,
  search_key VARCHAR NOT NULL,
  series INTEGER NOT NULL,
  name VARCHAR NOT NULL,
  seed BIGINT NOT NULL,
  trials_planned INTEGER NOT NULL,
  host VARCHAR NOT NULL,
  host_id VARCHAR NOT NULL,
  git_commit VARCHAR NOT NULL,
  tunebook_version VARCHAR NOT NULL,
  warm_start_json JSON NOT NULL,
  started_utc TIMESTAMP NOT NULL
);
CREATE TABLE store.run_end (
  run_id VARCHAR PRIMARY KEY,
  record_id VARCHAR NOT NULL,
  ended_utc TIMESTAMP NOT NULL,
  end_reason VARCHAR NOT NULL CHECK (end_reason IN ('trials', 'wall', 'gpu_hours', 'failures', 'converged', 'interrupted', 'error')),
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)),
  trials INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  message VARCHAR NOT NULL
);
CREATE TABLE store.model (
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
);
CREATE TABLE store.host (
  host_id VARCHAR PRIMARY KEY,
  host VARCHAR NOT NULL,
  cpu_model VARCHAR NOT NULL,
  cpu_count INTEGER NOT NULL,
  memory_bytes BIGINT NOT NULL,
  os VARCHAR NOT NULL,
  kernel VARCHAR NOT NULL,
  python VARCHAR NOT NULL,
  gpu_count INTEGER NOT NULL,
  gpu VARCHAR,
  gpus_json JSON NOT NULL
);
CREATE TABLE store.attempt (
  attempt_id VARCHAR PRIMARY KEY,
  run_id VARCHAR NOT NULL,
  trial_id VARCHAR NOT NULL,
  search_key VARCHAR NOT NULL,
  series INTEGER NOT NULL,
  number INTEGER NOT NULL,
  role VARCHAR NOT NULL CHECK (role IN ('search', 'baseline', 'repeat', 'confirm', 'retry', 'audit', 'gate', 'capacity')),
  repeat INTEGER NOT NULL,
  entry VARCHAR NOT NULL,
  runtime VARCHAR NOT NULL CHECK (runtime = lower(runtime) AND runtime <> ''),
  fingerprint VARCHAR NOT NULL,
  params VARIANT,
  params_json VARCHAR NOT NULL,
  flags_json VARCHAR NOT NULL,
  env_json VARCHAR NOT NULL,
  outcome VARCHAR NOT NULL CHECK (outcome IN ('measured', 'failed', 'infra', 'interrupted')),
  phase VARCHAR NOT NULL CHECK (phase IN ('precheck', 'lease', 'pull', 'start', 'load', 'ready', 'warmup', 'measure', 'slo', 'done')),
  failed_phase VARCHAR CHECK (failed_phase IN ('precheck', 'lease', 'pull', 'start', 'load', 'ready', 'warmup', 'measure', 'slo', 'done')),
  cause VARCHAR CHECK (cause IN ('bad_flag', 'oom_load', 'oom_graph', 'oom_serve', 'kv_too_small', 'model_missing', 'gated', 'port', 'driver', 'nccl', 'dtype', 'crash', 'hang', 'error_rate', 'short_output', 'slo', 'quality', 'image', 'infra', 'interrupted', 'unknown')),
  evidence VARCHAR,
  rule VARCHAR,
  hung BOOLEAN,
  exit_code INTEGER,
  signal VARCHAR,
  started_utc TIMESTAMP NOT NULL,
  ended_utc TIMESTAMP NOT NULL,
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)),
  gpu_seconds DOUBLE NOT NULL CHECK (isfinite(gpu_seconds)),
  host VARCHAR NOT NULL,
  host_id VARCHAR NOT NULL,
  boot_id VARCHAR NOT NULL,
  client VARCHAR NOT NULL,
  client_version VARCHAR NOT NULL,
  engine VARCHAR,
  engine_version VARCHAR,
  engine_build VARCHAR,
  engine_settings_json VARCHAR,
  image_digest VARCHAR,
  launch VARCHAR,
  launch_json VARCHAR,
  workload_key VARCHAR NOT NULL,
  warnings VARCHAR[] NOT NULL,
  gpu_uuids VARCHAR[]
);
CREATE TABLE store.attempt_phase (
  attempt_id VARCHAR NOT NULL,
  phase VARCHAR NOT NULL CHECK (phase IN ('precheck', 'lease', 'pull', 'start', 'load', 'ready', 'warmup', 'measure', 'slo', 'done')),
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds))
);
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
CREATE TABLE store.level_metric (
  attempt_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  metric VARCHAR NOT NULL,
  stat VARCHAR NOT NULL,
  unit VARCHAR NOT NULL,
  value DOUBLE NOT NULL CHECK (isfinite(value))
);
CREATE TABLE store.latency_histogram (
  attempt_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  metric VARCHAR NOT NULL,
  bucket INTEGER NOT NULL,
  n INTEGER NOT NULL CHECK (n > 0)
);
CREATE TABLE store.level_error (
  attempt_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  kind VARCHAR NOT NULL,
  n INTEGER NOT NULL CHECK (n > 0),
  message VARCHAR NOT NULL
);
CREATE TABLE store.gpu_sample (
  attempt_id VARCHAR NOT NULL,
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)),
  gpu VARCHAR NOT NULL,
  utilization DOUBLE CHECK (isfinite(utilization)),
  memory_bytes BIGINT,
  power_watts DOUBLE CHECK (isfinite(power_watts)),
  temperature_celsius DOUBLE CHECK (isfinite(temperature_celsius)),
  clock_mhz DOUBLE CHECK (isfinite(clock_mhz))
);
CREATE TABLE store.quality (
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
);
CREATE TABLE store.rejection (
  rejection_id VARCHAR PRIMARY KEY,
  run_id VARCHAR NOT NULL,
  search_key VARCHAR NOT NULL,
  series INTEGER NOT NULL,
  entry VARCHAR NOT NULL,
  runtime VARCHAR NOT NULL,
  fingerprint VARCHAR NOT NULL,
  params VARIANT,
  params_json VARCHAR NOT NULL,
  rule VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  rejected_utc TIMESTAMP NOT NULL
);
CREATE TABLE store.comparison (
  comparison_id VARCHAR PRIMARY KEY,
  run_id VARCHAR NOT NULL,
  search_key VARCHAR NOT NULL,
  series INTEGER NOT NULL,
  trial_a VARCHAR NOT NULL,
  trial_b VARCHAR NOT NULL,
  metric VARCHAR NOT NULL,
  unit VARCHAR NOT NULL,
  verdict VARCHAR NOT NULL CHECK (verdict IN ('better', 'worse', 'tie', 'inconclusive', 'incomparable')),
  log_ratio DOUBLE CHECK (isfinite(log_ratio)),
  low DOUBLE CHECK (isfinite(low)),
  high DOUBLE CHECK (isfinite(high)),
  value_a DOUBLE CHECK (isfinite(value_a)),
  value_b DOUBLE CHECK (isfinite(value_b)),
  repeats INTEGER NOT NULL,
  client VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  compared_utc TIMESTAMP NOT NULL,
  purpose VARCHAR,
  confidence DOUBLE,
  more_repeats INTEGER,
  at_most INTEGER,
  drift DOUBLE,
  drift_low DOUBLE,
  drift_high DOUBLE
);
CREATE TABLE store.rules (
  record_id VARCHAR PRIMARY KEY,
  rules_id VARCHAR NOT NULL,
  campaign_id VARCHAR NOT NULL,
  search_key VARCHAR NOT NULL,
  objective VARCHAR NOT NULL,
  objective_at VARCHAR NOT NULL,
  goal VARCHAR NOT NULL CHECK (goal IN ('maximize', 'minimize')),
  unit VARCHAR NOT NULL,
  resolution DOUBLE NOT NULL CHECK (isfinite(resolution)),
  rules_json VARCHAR NOT NULL,
  written_utc TIMESTAMP NOT NULL
);
CREATE TABLE store.score (
  attempt_id VARCHAR NOT NULL,
  rules_id VARCHAR NOT NULL,
  status VARCHAR NOT NULL CHECK (status IN ('succeeded', 'failed', 'unmeasured')),
  value DOUBLE CHECK (isfinite(value)),
  objective_value DOUBLE CHECK (isfinite(objective_value)),
  severity DOUBLE CHECK (severity >= 0 AND severity < 1),
  soft_penalty DOUBLE CHECK (isfinite(soft_penalty)),
  goodput_level INTEGER,
  phase VARCHAR CHECK (phase IN ('precheck', 'lease', 'pull', 'start', 'load', 'ready', 'warmup', 'measure', 'slo', 'done')),
  cause VARCHAR CHECK (cause IN ('bad_flag', 'oom_load', 'oom_graph', 'oom_serve', 'kv_too_small', 'model_missing', 'gated', 'port', 'driver', 'nccl', 'dtype', 'crash', 'hang', 'error_rate', 'short_output', 'slo', 'quality', 'image', 'infra', 'interrupted', 'unknown')),
  evidence VARCHAR,
  rule VARCHAR,
  hung BOOLEAN,
  hint VARCHAR,
  PRIMARY KEY (attempt_id, rules_id),
  CHECK ((status = 'succeeded') = (value IS NOT NULL))
);
CREATE TABLE store.objective (
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
);
CREATE TABLE store.slo_verdict (
  attempt_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  rules_id VARCHAR NOT NULL,
  slo VARCHAR NOT NULL,
  hard BOOLEAN NOT NULL,
  limit_value DOUBLE NOT NULL CHECK (isfinite(limit_value)),
  value DOUBLE CHECK (isfinite(value)),
  ratio DOUBLE CHECK (isfinite(ratio)),
  verdict VARCHAR NOT NULL CHECK (verdict IN ('met', 'missed_soft', 'missed_hard', 'unmeasured'))
);
CREATE TABLE store.retraction (
  retraction_id VARCHAR PRIMARY KEY,
  attempt_id VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  "by" VARCHAR NOT NULL,
  retracted_utc TIMESTAMP NOT NULL
);
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
  kind VARCHAR NOT NULL CHECK (kind IN ('run_start', 'run_end', 'attempt', 'rejection', 'comparison', 'rules', 'retraction', 'merge', 'foreign')),
  record_id VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}'))
);
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
