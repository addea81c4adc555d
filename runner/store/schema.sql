-- The tables of the store: raw facts, append-only, schema `store`. The views and macros of views.sql are what people
-- query. `runner.store.schema` reads this text: the comment above CREATE becomes the COMMENT of the table, the
-- comment behind a column becomes the COMMENT of the column, {Name} becomes the list of that StrEnum's values, and
-- every table whose name does not start with `_` gets triggers that refuse UPDATE and DELETE.
--
-- Ids are text (uuid). Times are UTC. No infinity, no NaN: CHECK (isfinite(x)). Sets of words are CHECKs, not ENUMs:
-- a comparison with a misspelt ENUM value is silently false. No foreign keys: everything enters through records, one
-- transaction each, and `store verify` compares both sides.
--
-- version 1: first schema.
-- version 2: score.hint. Rows judged before have none; `store rebuild` judges them anew.
-- version 3: attempt.gpu_uuids. Rows taken in before have none; `store rebuild` reads them from the records.
-- version 4: quality. No attempt of an older tunebook was asked for its answers.
-- version 5: level.load_kind has more words. A CHECK can not be altered: the table is made anew, with all its rows.
-- version 6: model. Runs of an older tunebook have not read the headers of their model's files.
-- version 7: comparison has purpose, confidence, more_repeats, at_most and drift. What was compared before was confirmed
-- at 95 %, with nothing said of the rest.
-- version 8: objective. Rules of an older tunebook have one objective, which is the score.
-- version 9: merge and merged; record.kind has one more word. campaign has a row per file that says the same, so that
-- stores of several machines give the same rows in whatever order they are merged. Both tables are made anew.
-- version 10: foreign_result, foreign_level and foreign_metric; record.kind and merged.kind have one more word. Both
-- tables are made anew.
--
-- A change is a new version: raise SCHEMA_VERSION in schema.py, say here what changed, and add the numbered migration
-- to migrations.py; `store rebuild` is the heavy way that always works.

-- What the triggers insert into, so that an UPDATE or DELETE fails with a sentence.
CREATE TABLE store._refuse (
  message VARCHAR CHECK (CASE WHEN message IS NOT NULL
    THEN error('the store is append-only: ' || message) ELSE true END)
);

-- Which schema and which views stand here. The latest row counts.
CREATE TABLE store.schema_migration (
  version INTEGER NOT NULL, -- number of the schema
  views_sha256 VARCHAR NOT NULL, -- hash of the text of views.sql that was applied
  applied_utc TIMESTAMP NOT NULL, -- when
  product_version VARCHAR NOT NULL, -- version of tunebook that applied it
  duckdb_version VARCHAR NOT NULL -- version of DuckDB that applied it
);

-- One row per sealed record that was taken in.
CREATE TABLE store.record (
  kind VARCHAR NOT NULL CHECK (kind IN ({RecordKind})), -- kind of the record
  record_id VARCHAR NOT NULL, -- id given by whoever sealed it
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')), -- of its MANIFEST.sha256
  path VARCHAR NOT NULL, -- folder, relative to the results folder
  ingested_utc TIMESTAMP NOT NULL, -- when it was taken in
  PRIMARY KEY (kind, record_id)
);

-- One row per file that a run was given, by what it says: files in two places, or with other comments, may be one
-- version of a campaign. Views take the first by path (store.campaign_version).
CREATE TABLE store.campaign (
  campaign_id VARCHAR NOT NULL, -- follows from version_sha256
  file_id VARCHAR NOT NULL, -- sha256 of path, campaign_text and campaign_json, with line ends between
  name VARCHAR NOT NULL, -- name in the file, unique over all campaign files
  version_sha256 VARCHAR NOT NULL, -- hash of the resolved file
  search_key VARCHAR NOT NULL, -- lineage: what makes trials belong together
  path VARCHAR NOT NULL, -- where the file lay, relative to the project folder
  description VARCHAR NOT NULL, -- free text of the file
  model VARCHAR NOT NULL, -- short name of the model
  model_revision VARCHAR, -- revision, when the model comes from a hub
  hardware VARCHAR NOT NULL, -- for people: CPU, or number and name of the GPUs
  gpus INTEGER NOT NULL, -- GPUs per attempt; 0 on CPU
  price_per_gpu_hour DOUBLE CHECK (isfinite(price_per_gpu_hour)), -- in `currency`; NULL when not given
  currency VARCHAR NOT NULL, -- of the price
  deploy VARCHAR NOT NULL, -- where engines run: local or attach
  client VARCHAR NOT NULL, -- load generator of the search
  objective VARCHAR NOT NULL, -- metric, with its statistic
  objective_at VARCHAR NOT NULL, -- which level counts: worst, mean, goodput, c=N or r=N
  goal VARCHAR NOT NULL CHECK (goal IN ({Goal})), -- direction of better
  unit VARCHAR NOT NULL, -- unit of the objective
  sampler VARCHAR NOT NULL, -- who proposes configurations
  seed BIGINT NOT NULL, -- of the search
  trials_planned INTEGER NOT NULL, -- trials the file asks for
  attempt_timeout_seconds DOUBLE NOT NULL CHECK (isfinite(attempt_timeout_seconds)), -- load + ready + levels
  campaign_json JSON NOT NULL, -- the resolved campaign
  campaign_text VARCHAR NOT NULL, -- the file as it was written
  PRIMARY KEY (campaign_id, file_id)
);

-- One row per process of `tunebook run` on a campaign.
CREATE TABLE store.run (
  run_id VARCHAR PRIMARY KEY, -- id of the run
  campaign_id VARCHAR NOT NULL, -- version of the campaign it ran
  search_key VARCHAR NOT NULL, -- lineage
  series INTEGER NOT NULL, -- which repetition of the lineage (`run --again` starts the next)
  name VARCHAR NOT NULL, -- campaign name
  seed BIGINT NOT NULL, -- seed in effect
  trials_planned INTEGER NOT NULL, -- trials the run meant to reach
  host VARCHAR NOT NULL, -- driver's host name
  host_id VARCHAR NOT NULL, -- facts of that host: store.host
  git_commit VARCHAR NOT NULL, -- commit of the project folder, empty when unknown
  tunebook_version VARCHAR NOT NULL, -- version of tunebook
  warm_start_json JSON NOT NULL, -- what was taken from other campaigns
  started_utc TIMESTAMP NOT NULL -- when it began
);

-- How a run ended. A run without a row here still runs or was killed.
CREATE TABLE store.run_end (
  run_id VARCHAR PRIMARY KEY, -- the run
  record_id VARCHAR NOT NULL, -- id of the record
  ended_utc TIMESTAMP NOT NULL, -- when
  end_reason VARCHAR NOT NULL CHECK (end_reason IN ({EndReason})), -- why it ended
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)), -- wall time of the run
  trials INTEGER NOT NULL, -- trials of this run
  succeeded INTEGER NOT NULL, -- of them with a score
  failed INTEGER NOT NULL, -- of them failed
  message VARCHAR NOT NULL -- detail of the reason
);

-- What the headers of the model's files said when a run began. A run has no row where the files were not on its machine.
CREATE TABLE store.model (
  run_id VARCHAR PRIMARY KEY, -- the run
  form VARCHAR NOT NULL, -- gguf, safetensors or pytorch
  weight_bytes BIGINT NOT NULL, -- of all tensors
  files INTEGER NOT NULL, -- that hold them
  architecture VARCHAR, -- as the files name it; NULL here and below: they do not say
  parameters BIGINT, -- numbers in the tensors; NULL too where several are packed into one
  quantization VARCHAR, -- method; NULL where the weights are whole numbers of their type
  dtypes_json JSON NOT NULL, -- type of number -> bytes of weights
  positions BIGINT, -- longest context that it was made for, in tokens
  layers BIGINT, -- blocks of the network
  kv_heads BIGINT, -- heads of keys and values in a layer
  head_dim BIGINT, -- numbers in a key
  value_dim BIGINT, -- numbers in a value
  kv_latent BIGINT, -- numbers that a layer keeps for a token in place of keys and values
  kv_numbers_per_token BIGINT, -- that the cache holds, all layers together: x bytes of its type = bytes per token
  vocabulary BIGINT -- different tokens
);

-- Facts about a machine, one row per different set of facts.
CREATE TABLE store.host (
  host_id VARCHAR PRIMARY KEY, -- hash of the facts, boot id aside
  host VARCHAR NOT NULL, -- host name
  cpu_model VARCHAR NOT NULL, -- as the system names it
  cpu_count INTEGER NOT NULL, -- logical cores that may be used
  memory_bytes BIGINT NOT NULL, -- physical memory
  os VARCHAR NOT NULL, -- distribution
  kernel VARCHAR NOT NULL, -- kernel release
  python VARCHAR NOT NULL, -- interpreter of tunebook
  gpu_count INTEGER NOT NULL, -- GPUs seen
  gpu VARCHAR, -- their names, NULL without any
  gpus_json JSON NOT NULL -- each with uuid, name, memory and what its driver says of it
);

-- One deployment for a trial: its facts, never a score.
CREATE TABLE store.attempt (
  attempt_id VARCHAR PRIMARY KEY, -- id of the attempt and of its record
  run_id VARCHAR NOT NULL, -- run that made it
  trial_id VARCHAR NOT NULL, -- trial it belongs to
  search_key VARCHAR NOT NULL, -- lineage
  series INTEGER NOT NULL, -- repetition of the lineage
  number INTEGER NOT NULL, -- number of the trial, from 0
  role VARCHAR NOT NULL CHECK (role IN ({Role})), -- why it ran
  repeat INTEGER NOT NULL, -- round of a confirm attempt, from 1; else 0
  entry VARCHAR NOT NULL, -- runtime block of the campaign
  runtime VARCHAR NOT NULL CHECK (runtime = lower(runtime) AND runtime <> ''), -- inference engine
  fingerprint VARCHAR NOT NULL, -- hash of entry + flags + environment
  params VARIANT, -- what the sampler chose: params."threads"::int
  params_json VARCHAR NOT NULL, -- the same, verbatim
  flags_json VARCHAR NOT NULL, -- every flag the engine got, fixed ones included
  env_json VARCHAR NOT NULL, -- every variable that was set for the engine
  outcome VARCHAR NOT NULL CHECK (outcome IN ({Outcome})), -- raw, never changes
  phase VARCHAR NOT NULL CHECK (phase IN ({Phase})), -- the furthest phase reached
  failed_phase VARCHAR CHECK (failed_phase IN ({Phase})), -- phase of the failure, NULL without one
  cause VARCHAR CHECK (cause IN ({Cause})), -- cause of the failure, NULL without one
  evidence VARCHAR, -- the line that proves the cause
  rule VARCHAR, -- signature that matched, NULL when none did
  hung BOOLEAN, -- a deadline or the no-progress watchdog ended it
  exit_code INTEGER, -- of the engine
  signal VARCHAR, -- that ended the engine
  started_utc TIMESTAMP NOT NULL, -- when it began
  ended_utc TIMESTAMP NOT NULL, -- when it had ended
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)), -- wall time
  gpu_seconds DOUBLE NOT NULL CHECK (isfinite(gpu_seconds)), -- wall time x GPUs held
  host VARCHAR NOT NULL, -- host name
  host_id VARCHAR NOT NULL, -- facts of the host: store.host
  boot_id VARCHAR NOT NULL, -- of the host
  client VARCHAR NOT NULL, -- load generator
  client_version VARCHAR NOT NULL, -- its version
  engine VARCHAR, -- what answered
  engine_version VARCHAR, -- its version
  engine_build VARCHAR, -- commit or compiler line
  engine_settings_json VARCHAR, -- what it says of its effective settings
  image_digest VARCHAR, -- container image, NULL without a container
  launch VARCHAR, -- command line with $MODEL and $PORT, ready to copy
  launch_json VARCHAR, -- argv and environment as they were
  workload_key VARCHAR NOT NULL, -- hash of workload + client: two keys are not comparable
  warnings VARCHAR[] NOT NULL, -- what a reader of the numbers should know
  gpu_uuids VARCHAR[] -- GPUs that it was given, empty without any; NULL when taken in by an older tunebook
);

-- How long an attempt spent in each phase.
CREATE TABLE store.attempt_phase (
  attempt_id VARCHAR NOT NULL, -- the attempt
  phase VARCHAR NOT NULL CHECK (phase IN ({Phase})), -- the phase
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)) -- wall time in it
);

-- One scenario at one load inside an attempt.
CREATE TABLE store.level (
  attempt_id VARCHAR NOT NULL, -- the attempt
  position INTEGER NOT NULL, -- order of measuring, from 0, lightest load first
  scenario VARCHAR NOT NULL, -- token lengths, such as D(100,20)
  load_kind VARCHAR NOT NULL CHECK (load_kind IN ({LoadKind})), -- closed loop (concurrency) or an open one
  load_value DOUBLE NOT NULL CHECK (isfinite(load_value)), -- users; requests per second; of a burst; speed of a trace
  state VARCHAR NOT NULL CHECK (state IN ({LevelState})), -- how it ended
  sent INTEGER NOT NULL, -- requests sent = ok + failed + lost
  ok INTEGER NOT NULL, -- answered in full
  failed INTEGER NOT NULL, -- ended with an error
  lost INTEGER NOT NULL, -- no answer before the end of the level
  short INTEGER NOT NULL, -- of the ok ones, fewer tokens than asked
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)), -- measured window
  load_before DOUBLE CHECK (isfinite(load_before)), -- load average (1 min) of the machine before
  load_after DOUBLE CHECK (isfinite(load_after)), -- and after
  steal DOUBLE CHECK (isfinite(steal)), -- share of CPU time stolen by the hypervisor
  cpus INTEGER, -- cores the load averages refer to
  counters_json VARCHAR NOT NULL -- the engine's own counters, difference over the level
);

-- One number of one level.
CREATE TABLE store.level_metric (
  attempt_id VARCHAR NOT NULL, -- the attempt
  position INTEGER NOT NULL, -- the level
  metric VARCHAR NOT NULL, -- name in the table of metrics
  stat VARCHAR NOT NULL, -- mean, p50, p90, p95, p99, min, max; `value` for one number per level
  unit VARCHAR NOT NULL, -- of the value
  value DOUBLE NOT NULL CHECK (isfinite(value)) -- the number
);

-- Distributions over the ok requests of a level, in buckets of 2 %: bucket = floor(ln(max(us, 1)) / ln(1.02)).
CREATE TABLE store.latency_histogram (
  attempt_id VARCHAR NOT NULL, -- the attempt
  position INTEGER NOT NULL, -- the level
  metric VARCHAR NOT NULL, -- ttft, tpot, itl, e2e
  bucket INTEGER NOT NULL, -- number of the bucket
  n INTEGER NOT NULL CHECK (n > 0) -- observations in it
);

-- Requests of a level that ended with the same kind of error.
CREATE TABLE store.level_error (
  attempt_id VARCHAR NOT NULL, -- the attempt
  position INTEGER NOT NULL, -- the level
  kind VARCHAR NOT NULL, -- connect, http_4xx, http_5xx, timeout, reset, cut, ...
  n INTEGER NOT NULL CHECK (n > 0), -- how many
  message VARCHAR NOT NULL -- the first one seen, redacted
);

-- Telemetry of the GPUs beside an attempt, from the record's gpu.parquet.
CREATE TABLE store.gpu_sample (
  attempt_id VARCHAR NOT NULL, -- the attempt
  seconds DOUBLE NOT NULL CHECK (isfinite(seconds)), -- since the start of the attempt
  gpu VARCHAR NOT NULL, -- uuid of the GPU
  utilization DOUBLE CHECK (isfinite(utilization)), -- ratio, 0 to 1
  memory_bytes BIGINT, -- in use
  power_watts DOUBLE CHECK (isfinite(power_watts)), -- drawn
  temperature_celsius DOUBLE CHECK (isfinite(temperature_celsius)), -- of the chip
  clock_mhz DOUBLE CHECK (isfinite(clock_mhz)) -- of the multiprocessors
);

-- What an attempt answered to the fixed prompts at temperature 0, against the answers of a reference. Numbers only.
CREATE TABLE store.quality (
  attempt_id VARCHAR PRIMARY KEY, -- the attempt
  reference VARCHAR NOT NULL, -- entry whose default it is compared with
  reference_attempt VARCHAR, -- attempt whose answers were taken: its own for the reference itself, NULL without any
  prompts_id VARCHAR NOT NULL, -- hash of the set of prompts: two sets are not comparable
  prompts INTEGER NOT NULL, -- asked
  answered INTEGER NOT NULL, -- answers that came
  compared INTEGER, -- prompts that the reference answered; NULL in this and all that follows: not compared
  exact INTEGER, -- of them answered with the same text
  exact_match DOUBLE CHECK (exact_match BETWEEN 0 AND 1), -- exact / compared
  exact_low DOUBLE CHECK (exact_low BETWEEN 0 AND 1), -- lower end of its 95 % interval (Wilson)
  exact_high DOUBLE CHECK (exact_high BETWEEN 0 AND 1), -- upper end
  token_agreement DOUBLE CHECK (token_agreement BETWEEN 0 AND 1), -- share of tokens before the first divergence
  tokens INTEGER, -- of how many, over all prompts
  token_unit VARCHAR CHECK (token_unit IN ({TokenUnit})), -- word: an engine does not say what its tokens are
  first_divergence DOUBLE CHECK (isfinite(first_divergence)), -- median of tokens before it; NULL when none diverges
  near_ties INTEGER, -- divergences where the reference nearly said the other token; NULL: not served
  logprob_difference DOUBLE CHECK (isfinite(logprob_difference)), -- mean size over tokens that agree, nats
  logprob_tokens INTEGER -- over how many tokens
);

-- A configuration that the pre-check refused: no attempt, no budget.
CREATE TABLE store.rejection (
  rejection_id VARCHAR PRIMARY KEY, -- id of the record
  run_id VARCHAR NOT NULL, -- run that refused it
  search_key VARCHAR NOT NULL, -- lineage
  series INTEGER NOT NULL, -- repetition of the lineage
  entry VARCHAR NOT NULL, -- runtime block
  runtime VARCHAR NOT NULL, -- inference engine
  fingerprint VARCHAR NOT NULL, -- of the configuration
  params VARIANT, -- what the sampler chose
  params_json VARCHAR NOT NULL, -- the same, verbatim
  rule VARCHAR NOT NULL, -- rule that said no
  reason VARCHAR NOT NULL, -- with the numbers
  rejected_utc TIMESTAMP NOT NULL -- when
);

-- trial_a against trial_b on one metric, from confirm attempts of one client.
CREATE TABLE store.comparison (
  comparison_id VARCHAR PRIMARY KEY, -- id of the record
  run_id VARCHAR NOT NULL, -- run that compared
  search_key VARCHAR NOT NULL, -- lineage
  series INTEGER NOT NULL, -- repetition of the lineage
  trial_a VARCHAR NOT NULL, -- the candidate
  trial_b VARCHAR NOT NULL, -- what it is compared with
  metric VARCHAR NOT NULL, -- compared metric
  unit VARCHAR NOT NULL, -- of the values
  verdict VARCHAR NOT NULL CHECK (verdict IN ({Verdict})), -- of a against b
  log_ratio DOUBLE CHECK (isfinite(log_ratio)), -- mean(ln a) - mean(ln b), positive = a is better
  low DOUBLE CHECK (isfinite(low)), -- lower end of its interval
  high DOUBLE CHECK (isfinite(high)), -- upper end
  value_a DOUBLE CHECK (isfinite(value_a)), -- mean of a
  value_b DOUBLE CHECK (isfinite(value_b)), -- mean of b
  repeats INTEGER NOT NULL, -- rounds measured
  client VARCHAR NOT NULL, -- load generator
  reason VARCHAR NOT NULL, -- why this verdict
  compared_utc TIMESTAMP NOT NULL, -- when
  purpose VARCHAR, -- who asked: confirm, gate, reproduce
  confidence DOUBLE, -- of the interval, over all looks at the repeats and all pairs
  more_repeats INTEGER, -- if inconclusive: how many more of each would decide; NULL = nobody can say
  at_most INTEGER, -- repeats that the campaign allowed
  drift DOUBLE, -- log change of the machine from the first round to the last, positive = it became better
  drift_low DOUBLE, -- lower end of the interval of the drift
  drift_high DOUBLE -- upper end
);

-- How facts become scores, per lineage. The latest row of a lineage is in force.
CREATE TABLE store.rules (
  record_id VARCHAR PRIMARY KEY, -- id of the record
  rules_id VARCHAR NOT NULL, -- follows from the rules
  campaign_id VARCHAR NOT NULL, -- version of the campaign that brought them
  search_key VARCHAR NOT NULL, -- lineage
  objective VARCHAR NOT NULL, -- metric, with its statistic
  objective_at VARCHAR NOT NULL, -- which level counts
  goal VARCHAR NOT NULL CHECK (goal IN ({Goal})), -- direction of better
  unit VARCHAR NOT NULL, -- unit of the objective
  resolution DOUBLE NOT NULL CHECK (isfinite(resolution)), -- smallest difference of the metric that means anything
  rules_json VARCHAR NOT NULL, -- objective, SLOs, needed success rate, version of the penalty
  written_utc TIMESTAMP NOT NULL -- when
);

-- An attempt judged under rules. New rules insert new rows; the old ones stay.
CREATE TABLE store.score (
  attempt_id VARCHAR NOT NULL, -- the attempt
  rules_id VARCHAR NOT NULL, -- the rules
  status VARCHAR NOT NULL CHECK (status IN ({TrialStatus})), -- what the attempt says about its trial
  value DOUBLE CHECK (isfinite(value)), -- score: objective made worse by the soft penalty; NULL without success
  objective_value DOUBLE CHECK (isfinite(objective_value)), -- objective alone, also for a missed hard SLO
  severity DOUBLE CHECK (severity >= 0 AND severity < 1), -- 0 for a success; NULL when unmeasured
  soft_penalty DOUBLE CHECK (isfinite(soft_penalty)), -- P of the missed soft SLOs
  goodput_level INTEGER, -- level the value was taken from, for `at: goodput` only
  phase VARCHAR CHECK (phase IN ({Phase})), -- phase of the judged failure
  cause VARCHAR CHECK (cause IN ({Cause})), -- its cause
  evidence VARCHAR, -- what proves it
  rule VARCHAR, -- signature that matched
  hung BOOLEAN, -- a deadline or the watchdog ended it
  hint VARCHAR, -- what to do about it, with numbers where there are some
  PRIMARY KEY (attempt_id, rules_id),
  CHECK ((status = 'succeeded') = (value IS NOT NULL))
);

-- A further objective of an attempt that succeeded under rules with several; the first one is the score.
CREATE TABLE store.objective (
  attempt_id VARCHAR NOT NULL, -- the attempt
  rules_id VARCHAR NOT NULL, -- the rules
  number INTEGER NOT NULL CHECK (number >= 1), -- place in the list of the campaign, from 0
  objective VARCHAR NOT NULL, -- metric, with its statistic
  objective_at VARCHAR NOT NULL, -- which level counts
  goal VARCHAR NOT NULL CHECK (goal IN ({Goal})), -- direction of better
  unit VARCHAR NOT NULL, -- unit of the objective
  value DOUBLE NOT NULL CHECK (isfinite(value)), -- made worse by the soft penalty
  objective_value DOUBLE NOT NULL CHECK (isfinite(objective_value)), -- as measured
  PRIMARY KEY (attempt_id, rules_id, number)
);

-- One SLO at one level of one attempt, under rules.
CREATE TABLE store.slo_verdict (
  attempt_id VARCHAR NOT NULL, -- the attempt
  position INTEGER NOT NULL, -- the level
  rules_id VARCHAR NOT NULL, -- the rules
  slo VARCHAR NOT NULL, -- name of the SLO
  hard BOOLEAN NOT NULL, -- a miss is a failure
  limit_value DOUBLE NOT NULL CHECK (isfinite(limit_value)), -- in the metric's unit
  value DOUBLE CHECK (isfinite(value)), -- measured
  ratio DOUBLE CHECK (isfinite(ratio)), -- actual / limit (limit / actual for a minimum): above 1 is a miss
  verdict VARCHAR NOT NULL CHECK (verdict IN ({SloVerdict})) -- met or missed
);

-- A withdrawn attempt: views leave it out, pages show it struck through.
CREATE TABLE store.retraction (
  retraction_id VARCHAR PRIMARY KEY, -- id of the record
  attempt_id VARCHAR NOT NULL, -- the attempt
  reason VARCHAR NOT NULL, -- why
  "by" VARCHAR NOT NULL, -- who
  retracted_utc TIMESTAMP NOT NULL -- when
);

-- One row for each place that `store merge` took records from, each time there were new ones.
CREATE TABLE store.merge (
  merge_id VARCHAR PRIMARY KEY, -- id of the record
  source VARCHAR NOT NULL, -- as it was named on the command line
  form VARCHAR NOT NULL CHECK (form IN ({MergeForm})), -- record folders, or a store file, which lies in the record
  sha256 VARCHAR CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')), -- of the file; NULL for folders
  host VARCHAR NOT NULL, -- machine that merged
  tunebook_version VARCHAR NOT NULL, -- version of tunebook that merged
  merged_utc TIMESTAMP NOT NULL -- when
);

-- What a merge took: a record that has no row here was sealed in this results folder.
CREATE TABLE store.merged (
  merge_id VARCHAR NOT NULL, -- the merge
  kind VARCHAR NOT NULL CHECK (kind IN ({RecordKind})), -- kind of the record
  record_id VARCHAR NOT NULL, -- its id
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')) -- of its MANIFEST.sha256
);

-- One row per result file of another tool that was imported. Nothing of it stands in the other tables.
CREATE TABLE store.foreign_result (
  foreign_id VARCHAR PRIMARY KEY, -- id of the record; the file lies in it as `source`
  format VARCHAR NOT NULL, -- what it was read as
  tool VARCHAR NOT NULL, -- what measured
  tool_version VARCHAR, -- NULL where the file does not say it
  model VARCHAR, -- as the file names it
  started_utc TIMESTAMP, -- when it began to measure
  said VARCHAR NOT NULL, -- name of the file, as it was given
  sha256 VARCHAR NOT NULL CHECK (regexp_full_match(sha256, '[0-9a-f]{64}')), -- of the file
  bytes BIGINT NOT NULL, -- of the file
  host VARCHAR NOT NULL, -- machine that imported it
  tunebook_version VARCHAR NOT NULL, -- version of tunebook that read it
  imported_utc TIMESTAMP NOT NULL, -- when
  unread VARCHAR[] NOT NULL, -- what stands in the file and was not taken
  missing VARCHAR[] NOT NULL -- what the format has and the file has not
);

-- One load of a result file of another tool.
CREATE TABLE store.foreign_level (
  foreign_id VARCHAR NOT NULL, -- the file
  position INTEGER NOT NULL, -- order in the file, from 0
  load_kind VARCHAR CHECK (load_kind IN ({LoadKind})), -- NULL where the file does not say it
  load_value DOUBLE CHECK (isfinite(load_value)), -- requests in flight, or requests per second
  ok INTEGER, -- answered in full
  failed INTEGER, -- ended with an error
  lost INTEGER, -- no answer before the end
  seconds DOUBLE CHECK (isfinite(seconds)) -- measured window
);

-- One number of a result file of another tool, as it was published, in our units.
CREATE TABLE store.foreign_metric (
  foreign_id VARCHAR NOT NULL, -- the file
  position INTEGER NOT NULL, -- the load
  metric VARCHAR NOT NULL, -- our name where the quantity is the same, else the name of the tool
  stat VARCHAR NOT NULL, -- mean, stddev, min, max, p50, p99, ...; `value` for one number
  unit VARCHAR NOT NULL, -- of the value
  value DOUBLE NOT NULL CHECK (isfinite(value)), -- the number
  published_as VARCHAR NOT NULL, -- where it stands in the file
  published_unit VARCHAR NOT NULL -- unit there
);
