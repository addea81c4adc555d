-- What people query: views in `main`, macros. Derived from the tables of schema.sql at every read, so a new rule or a
-- retraction changes what they say without touching a row. `runner.store.schema` reads the comments as in schema.sql.
-- The first columns of each view of `main` are a contract with other tools (site/reference/tables.md): add behind
-- them, never rename. Views in schema `store` are steps on the way.

-- Penalty of a failure, in the objective's unit: the worst succeeded score of the lineage made worse by severity x
-- spread, spread = greatest(best - worst, 10 % of |worst|, resolution of the metric). NULL when nothing succeeded.
-- `low`, `high`: smallest and largest succeeded score. Ranks below every success, for either goal and any sign.
CREATE OR REPLACE MACRO penalty(goal, severity, low, high, resolution) AS
  CASE goal
    WHEN 'maximize' THEN low - severity * greatest(high - low, 0.1 * abs(low), resolution)
    ELSE high + severity * greatest(high - low, 0.1 * abs(high), resolution)
  END;

-- The time-graded penalty of an earlier tuner, for comparison only: a base by the share of the timeout that had passed (`completion`),
-- times a factor by words in the message, first match; the published scale of a maximised objective (-1200 ... -80).
-- Grading by elapsed time ranks a late hang above an early crash; `severity` does not.
CREATE OR REPLACE MACRO penalty_classic(message, completion) AS
  CAST(CASE WHEN completion < 0.2 THEN -1000 WHEN completion < 0.6 THEN -500
            WHEN completion < 0.95 THEN -200 ELSE -100 END
       * CASE WHEN contains(lower(message), 'deploy') THEN 1.2 WHEN contains(lower(message), 'oom') THEN 1.5
              WHEN contains(lower(message), 'timeout') THEN 0.8 ELSE 1 END AS DOUBLE);

-- The request rows of one attempt, from its sealed record: requests('<attempt_id>'). The path is relative to the
-- folder that the variable tunebook_results names, else to the current folder.
CREATE OR REPLACE MACRO requests(attempt) AS TABLE
  SELECT * FROM read_parquet(
    coalesce(getvariable('tunebook_results') || '/', '') || 'records/attempt-' || attempt || '/requests.parquet');

-- The 95 % interval of a share of `n`, of which `k` (Wilson, 1927); NULL when nothing was tried.
CREATE OR REPLACE MACRO wilson_low(k, n) AS
  CASE WHEN n > 0 THEN greatest(0, (k + 1.920729410347062 - 1.959963984540054 * sqrt(k * (n - k) / n + 0.960364705173531)) / (n + 3.841458820694124)) END;
CREATE OR REPLACE MACRO wilson_high(k, n) AS
  CASE WHEN n > 0 THEN least(1, (k + 1.920729410347062 + 1.959963984540054 * sqrt(k * (n - k) / n + 0.960364705173531)) / (n + 3.841458820694124)) END;

-- The rules in force, one row per lineage.
CREATE OR REPLACE VIEW store.latest_rules AS
  SELECT * FROM store.rules
  QUALIFY row_number() OVER (PARTITION BY search_key ORDER BY written_utc DESC, record_id DESC) = 1;

-- One row per version of a campaign: of the files that say the same, the first by path.
CREATE OR REPLACE VIEW store.campaign_version AS
  SELECT * EXCLUDE (file_id) FROM store.campaign
  QUALIFY row_number() OVER (PARTITION BY campaign_id ORDER BY path, file_id) = 1;

-- The version of the campaign that the latest run of each lineage used.
CREATE OR REPLACE VIEW store.latest_campaign AS
  SELECT r.search_key, c.* EXCLUDE (search_key)
  FROM store.run r JOIN store.campaign_version c USING (campaign_id)
  QUALIFY row_number() OVER (PARTITION BY r.search_key ORDER BY r.started_utc DESC, r.run_id DESC) = 1;

-- Attempts that were not withdrawn.
CREATE OR REPLACE VIEW store.current_attempt AS
  SELECT * FROM store.attempt ANTI JOIN store.retraction USING (attempt_id);

-- Attempts under the rules in force.
CREATE OR REPLACE VIEW store.judged_attempt AS
  SELECT a.attempt_id, a.trial_id, a.search_key, a.series, a.role, a.repeat, a.client, a.started_utc,
    s.status, s.value, s.objective_value, s.severity, s.soft_penalty, s.goodput_level,
    s.phase, s.cause, s.evidence, s.rule, s.hung, s.hint, s.rules_id
  FROM store.current_attempt a
  JOIN store.latest_rules r USING (search_key)
  JOIN store.score s ON s.attempt_id = a.attempt_id AND s.rules_id = r.rules_id;

-- Which attempt decides over a trial: the first judged one of the search, or where that failed the first retry that
-- succeeded (the same rule as runner.lineage). Confirm and gate attempts never do.
CREATE OR REPLACE VIEW store.deciding_attempt AS
  SELECT * FROM store.judged_attempt
  WHERE role IN ('search', 'baseline', 'retry') AND status <> 'unmeasured'
  QUALIFY row_number() OVER (PARTITION BY trial_id ORDER BY status <> 'succeeded', started_utc, attempt_id) = 1;

-- Confirmation of a trial: the client with the most succeeded confirm attempts; values of two clients are never mixed.
CREATE OR REPLACE VIEW store.confirmation AS
  SELECT trial_id, client, avg(value) AS score, count(value) AS repeats,
    count(*) FILTER (WHERE status = 'failed') AS failed
  FROM store.judged_attempt
  WHERE role = 'confirm'
  GROUP BY trial_id, client
  QUALIFY row_number() OVER (PARTITION BY trial_id ORDER BY count(value) DESC, count(*) DESC, client) = 1;

-- Smallest and largest succeeded score per lineage and series, for the penalty.
CREATE OR REPLACE VIEW store.score_range AS
  SELECT search_key, series, min(value) AS low, max(value) AS high
  FROM store.deciding_attempt WHERE status = 'succeeded' GROUP BY search_key, series;

-- One row per version of a campaign file.
CREATE OR REPLACE VIEW campaigns (
  campaign_id, -- id of this version
  name, -- name in the file
  version_sha256, -- hash of the resolved file
  search_key, -- lineage: versions that share it share their trials
  model, -- model, short
  hardware, -- CPU, or number and name of the GPUs
  objective, -- metric that is optimised, with its statistic
  goal, -- maximize or minimize
  unit, -- unit of the objective and of scores
  objective_at, -- which level counts: worst, mean, goodput, c=N or r=N
  latest, -- true for the version of the lineage's latest run: trials are listed under this one
  path, -- where the file lay in the project
  description, -- free text of the file
  series, -- latest repetition of the lineage
  trials_planned, -- trials the file asks for
  sampler, -- who proposes configurations
  seed, -- of the search
  deploy, -- where engines run
  client, -- load generator
  gpus, -- GPUs per attempt
  price_per_gpu_hour, -- in `currency`
  currency, -- of the price
  model_revision, -- revision, when the model comes from a hub
  first_run_utc, -- start of the first run of this version
  last_run_utc, -- start of its latest run
  campaign_json, -- the resolved campaign
  campaign_text, -- the file as it was written
  every_seconds -- how often it is due again (s), NULL when the file does not say
) AS
  SELECT c.campaign_id, c.name, c.version_sha256, c.search_key, c.model, c.hardware, c.objective, c.goal, c.unit,
    c.objective_at, c.campaign_id = l.campaign_id, c.path, c.description, s.series, c.trials_planned, c.sampler,
    c.seed, c.deploy, c.client, c.gpus, c.price_per_gpu_hour, c.currency, c.model_revision,
    r.first_run_utc, r.last_run_utc, c.campaign_json, c.campaign_text,
    CAST(c.campaign_json ->> '$.every' AS DOUBLE)
  FROM store.campaign_version c
  JOIN (SELECT campaign_id, min(started_utc) AS first_run_utc, max(started_utc) AS last_run_utc
        FROM store.run GROUP BY campaign_id) r USING (campaign_id)
  JOIN (SELECT search_key, max(series) AS series FROM store.run GROUP BY search_key) s USING (search_key)
  JOIN store.latest_campaign l USING (search_key);

-- One row per process of `tunebook run` on a campaign.
CREATE OR REPLACE VIEW runs (
  run_id, -- id of the run
  campaign_id, -- version of the campaign it ran
  host, -- driver's host name
  git_commit, -- commit of the project folder
  tunebook_version, -- version of tunebook
  started_utc, -- when it began
  ended_utc, -- when it ended; NULL while it runs, or when it was killed
  end_reason, -- trials, wall, gpu_hours, failures, converged, interrupted, error
  name, -- campaign name
  message, -- detail of the reason
  search_key, -- lineage
  series, -- repetition of the lineage
  seed, -- seed in effect
  trials_planned, -- trials it meant to reach
  seconds, -- wall time
  trials, -- trials of the series when the run ended, those of earlier runs included; NULL while it runs
  succeeded, -- of them with a score, under the rules of the run
  failed, -- of them failed, under the rules of the run
  host_id, -- facts of the host: view hosts
  warm_start_json -- configurations that its series took from other campaigns, with where each is from
) AS
  SELECT r.run_id, r.campaign_id, r.host, r.git_commit, r.tunebook_version, r.started_utc, e.ended_utc, e.end_reason,
    r.name, e.message, r.search_key, r.series, r.seed, r.trials_planned, e.seconds, e.trials, e.succeeded, e.failed,
    r.host_id, r.warm_start_json
  FROM store.run r LEFT JOIN store.run_end e USING (run_id);

-- One row per trial: a configuration in a lineage and series, judged under the rules in force.
CREATE OR REPLACE VIEW trials (
  trial_id, -- id, follows from lineage, series and fingerprint
  campaign_id, -- latest version of the campaign of the lineage
  number, -- order of proposal, from 0; the defaults of the entries come first
  series, -- repetition of the lineage
  runtime, -- inference engine
  entry, -- runtime block of the campaign
  fingerprint, -- hash of entry, flags and environment
  params, -- what the sampler chose: params."threads"::int
  params_json, -- the same as text
  status, -- succeeded, failed, unmeasured (nothing but infrastructure faults and interruptions so far)
  score, -- of the first judged search attempt, or of the first retry that succeeded, in `unit`; NULL without success
  unit, -- of score, confirmed_score and penalty
  confirmed_score, -- arithmetic mean of the succeeded confirm attempts of one client
  phase, -- how far the deciding attempt got: done, or where it failed
  cause, -- of the failure
  severity, -- 0 for a success, in (0, 1) for a failure, NULL when unmeasured
  penalty, -- of a failure, in `unit`, worse than every success; NULL for a success, or when nothing succeeded
  penalty_classic, -- what a time-graded penalty would have told the optimiser; no unit
  attempts, -- attempts so far, of any role
  launch, -- command line with $MODEL and $PORT, ready to copy
  attempt_id, -- the attempt that decided; the latest one when unmeasured
  search_key, -- lineage
  campaign, -- campaign name
  model, -- model, short
  hardware, -- CPU, or number and name of the GPUs
  objective, -- metric that is optimised
  goal, -- maximize or minimize
  objective_value, -- the objective before the soft penalty; a missed hard SLO keeps it
  soft_penalty, -- P of missed soft SLOs
  goodput_level, -- level the score was taken from, for `at: goodput`
  is_default, -- nothing but the fixed flags of the entry
  evidence, -- line that proves the cause
  hung, -- a deadline or the watchdog ended it
  seconds, -- wall time of that attempt
  gpu_seconds, -- wall time x GPUs of that attempt
  started_utc, -- start of that attempt
  confirm_repeats, -- succeeded confirm attempts behind confirmed_score
  confirm_failed, -- failed confirm attempts of the same client
  confirm_client, -- that client
  rules_id, -- rules in force
  hint -- what to do about the failure, with numbers where there are some
) AS
  SELECT a.trial_id, c.campaign_id, a.number, a.series, a.runtime, a.entry, a.fingerprint, a.params, a.params_json,
    coalesce(d.status, 'unmeasured'), d.value, r.unit, f.score,
    CASE WHEN d.status = 'succeeded' THEN 'done' ELSE coalesce(d.phase, a.failed_phase, a.phase) END,
    CASE WHEN d.status IS NULL THEN a.cause ELSE d.cause END,
    d.severity,
    CASE WHEN d.status = 'failed' THEN penalty(r.goal, d.severity, g.low, g.high, r.resolution) END,
    CASE WHEN d.status = 'failed' THEN penalty_classic(
      concat_ws(' ', CASE WHEN d.phase IN ('lease', 'pull', 'start', 'load', 'ready') THEN 'deploy' END,
        d.cause, d.evidence, CASE WHEN d.hung THEN 'timeout' END),
      least(a.seconds / nullif(c.attempt_timeout_seconds, 0), 1)) END,
    n.attempts, a.launch, a.attempt_id, a.search_key, c.name, c.model, c.hardware, r.objective, r.goal,
    d.objective_value, d.soft_penalty, d.goodput_level, a.params_json = '{}',
    CASE WHEN d.status IS NULL THEN a.evidence ELSE d.evidence END,
    CASE WHEN d.status IS NULL THEN a.hung ELSE d.hung END,
    a.seconds, a.gpu_seconds, a.started_utc, coalesce(f.repeats, 0), coalesce(f.failed, 0), f.client, r.rules_id, d.hint
  FROM (
    SELECT ca.* FROM store.current_attempt ca LEFT JOIN store.deciding_attempt da USING (attempt_id)
    WHERE ca.role NOT IN ('audit', 'gate', 'repeat') -- a search has not heard of what was only measured beside it
    QUALIFY row_number() OVER (
      PARTITION BY ca.trial_id ORDER BY da.attempt_id IS NULL, ca.started_utc DESC, ca.attempt_id DESC) = 1
  ) a
  JOIN (SELECT trial_id, count(*) AS attempts FROM store.current_attempt GROUP BY trial_id) n USING (trial_id)
  LEFT JOIN store.latest_campaign c USING (search_key)
  LEFT JOIN store.latest_rules r USING (search_key)
  LEFT JOIN store.deciding_attempt d ON d.trial_id = a.trial_id
  LEFT JOIN store.score_range g ON g.search_key = a.search_key AND g.series = a.series
  LEFT JOIN store.confirmation f ON f.trial_id = a.trial_id;

-- One row per deployment.
CREATE OR REPLACE VIEW attempts (
  attempt_id, -- id of the attempt and of its record
  trial_id, -- trial it belongs to
  run_id, -- run that made it
  role, -- why it ran: search, baseline, repeat, confirm, retry, audit, gate, capacity
  outcome, -- measured, failed, infra, interrupted: raw, before any rule
  phase, -- the furthest phase reached
  cause, -- of the raw failure
  client, -- load generator
  client_version, -- its version
  engine_version, -- version of the engine
  image_digest, -- container image
  host, -- host name
  seconds, -- wall time
  gpu_seconds, -- wall time x GPUs
  started_utc, -- when it began
  ended_utc, -- when it had ended
  series, -- repetition of the lineage
  number, -- number of the trial
  entry, -- runtime block
  runtime, -- inference engine
  repeat, -- round of a confirm attempt, from 1
  search_key, -- lineage
  workload_key, -- hash of workload + client: two keys are not comparable
  engine, -- what answered
  engine_build, -- commit or compiler line
  engine_settings_json, -- what it says of its effective settings
  failed_phase, -- phase of the raw failure
  evidence, -- line that proves the cause
  rule, -- signature that matched
  hung, -- a deadline or the watchdog ended it
  exit_code, -- of the engine
  signal, -- that ended the engine
  host_id, -- facts of the host: view hosts
  flags_json, -- every flag the engine got
  env_json, -- every variable that was set for it
  launch, -- command line with $MODEL and $PORT
  warnings, -- what a reader of the numbers should know
  gpu_uuids -- GPUs that it was given
) AS
  SELECT attempt_id, trial_id, run_id, role, outcome, phase, cause, client, client_version, engine_version,
    image_digest, host, seconds, gpu_seconds, started_utc, ended_utc, series, number, entry, runtime, repeat,
    search_key, workload_key, engine, engine_build, engine_settings_json, failed_phase, evidence, rule, hung,
    exit_code, signal, host_id, flags_json, env_json, launch, warnings, gpu_uuids
  FROM store.current_attempt;

-- How long each attempt spent in each phase.
CREATE OR REPLACE VIEW phases (
  attempt_id, -- the attempt
  phase, -- precheck, lease, pull, start, load, ready, warmup, measure, slo
  seconds -- wall time in it
) AS
  SELECT attempt_id, phase, seconds FROM store.attempt_phase ANTI JOIN store.retraction USING (attempt_id);

-- One scenario at one load inside an attempt.
CREATE OR REPLACE VIEW levels (
  attempt_id, -- the attempt
  position, -- order of measuring, from 0
  load_kind, -- concurrency (closed loop), or rate, ramp, burst, speed (open loops)
  load_value, -- users; requests per second (ramp: at its end); requests of a burst; speed of a trace
  scenario, -- token lengths
  state, -- complete, degraded, failed, not_reached
  sent, -- requests sent = ok + failed + lost
  ok, -- answered in full
  failed, -- ended with an error
  lost, -- no answer before the end of the level
  short, -- of the ok ones, fewer tokens than asked
  seconds, -- measured window
  load_before, -- load average (1 min) of the machine before
  load_after, -- and after
  steal, -- share of CPU time stolen by the hypervisor
  cpus, -- cores the load averages refer to
  counters_json -- the engine's own counters, difference over the level
) AS
  SELECT attempt_id, position, load_kind, load_value, scenario, state, sent, ok, failed, lost, short, seconds,
    load_before, load_after, steal, cpus, counters_json
  FROM store.level ANTI JOIN store.retraction USING (attempt_id);

-- One number of one level. Statistics of two levels are never averaged.
CREATE OR REPLACE VIEW metrics (
  attempt_id, -- the attempt
  position, -- the level
  metric, -- name in the table of metrics
  stat, -- mean, p50, p90, p95, p99, min, max; `value` for one number per level
  unit, -- of the value
  value -- the number
) AS
  SELECT attempt_id, position, metric, stat, unit, value
  FROM store.level_metric ANTI JOIN store.retraction USING (attempt_id);

-- Distributions in buckets of 2 %; add `n` over levels or attempts to merge them.
CREATE OR REPLACE VIEW histograms (
  attempt_id, -- the attempt
  position, -- the level
  metric, -- ttft, tpot, itl, e2e
  bucket, -- number of the bucket: floor(ln(max(us, 1)) / ln(1.02))
  n, -- observations in it
  seconds -- middle of the bucket
) AS
  SELECT attempt_id, position, metric, bucket, n, pow(1.02, bucket + 0.5) / 1e6
  FROM store.latency_histogram ANTI JOIN store.retraction USING (attempt_id);

-- Requests of a level that ended with the same kind of error.
CREATE OR REPLACE VIEW request_errors (
  attempt_id, -- the attempt
  position, -- the level
  kind, -- connect, http_4xx, http_5xx, timeout, reset, cut, ...
  n, -- how many
  message -- the first one seen
) AS
  SELECT attempt_id, position, kind, n, message
  FROM store.level_error ANTI JOIN store.retraction USING (attempt_id);

-- Attempts that failed, raw or under the rules in force, infrastructure faults included.
CREATE OR REPLACE VIEW failures (
  attempt_id, -- the attempt
  trial_id, -- its trial
  phase, -- where it failed
  cause, -- why
  evidence, -- line that proves it
  rule, -- signature that matched
  hung, -- a deadline or the watchdog ended it
  levels_done, -- levels measured with enough good requests: complete and degraded ones
  gpu_seconds_lost, -- wall time x GPUs of the attempt
  severity, -- in (0, 1); NULL for infrastructure faults and interruptions
  outcome, -- raw outcome: a missed SLO is `measured`
  role, -- why it ran
  seconds_lost, -- wall time of the attempt
  exit_code, -- of the engine
  signal, -- that ended the engine
  run_id, -- run that made it
  search_key, -- lineage
  series, -- repetition of the lineage
  number, -- number of the trial
  entry, -- runtime block
  runtime, -- inference engine
  params_json, -- what the sampler had chosen
  started_utc, -- when the attempt began
  hint -- what to do about it, with numbers where there are some
) AS
  SELECT a.attempt_id, a.trial_id, coalesce(j.phase, a.failed_phase, a.phase), coalesce(j.cause, a.cause, 'unknown'),
    coalesce(j.evidence, a.evidence), coalesce(j.rule, a.rule), coalesce(j.hung, a.hung, false),
    coalesce(l.done, 0), a.gpu_seconds, CASE WHEN j.status = 'failed' THEN j.severity END, a.outcome, a.role,
    a.seconds, a.exit_code, a.signal, a.run_id, a.search_key, a.series, a.number, a.entry, a.runtime, a.params_json,
    a.started_utc, j.hint
  FROM store.current_attempt a
  LEFT JOIN store.judged_attempt j USING (attempt_id)
  LEFT JOIN (
    SELECT attempt_id, count(*) AS done FROM store.level WHERE state IN ('complete', 'degraded') GROUP BY attempt_id
  ) l USING (attempt_id)
  WHERE j.status = 'failed' OR (a.outcome <> 'measured' AND coalesce(j.status, '') <> 'succeeded');

-- Answers at temperature 0 to the fixed prompts, against those of the default of a reference entry.
CREATE OR REPLACE VIEW quality (
  attempt_id, -- the attempt
  reference, -- entry whose default it is compared with
  prompts, -- asked
  exact_match, -- share of the prompts that the reference answered with the same text; NULL: nothing to compare with
  token_agreement, -- share of tokens before the first divergence: what a guard judges
  first_divergence, -- median number of tokens before it, over the answers that diverge; NULL when none does
  logprob_difference, -- mean size over the tokens that agree, nats; NULL: an engine serves none
  reference_attempt, -- attempt whose answers were taken; its own for the reference itself
  answered, -- answers that came
  compared, -- prompts that the reference answered
  exact, -- of them answered with the same text
  exact_low, -- lower end of the 95 % interval of exact_match (Wilson)
  exact_high, -- upper end
  tokens, -- tokens compared, over all prompts
  token_unit, -- token; or word, where an engine does not say what its tokens are
  near_ties, -- divergences where the reference itself nearly said the other token; NULL: not served
  logprob_tokens, -- tokens behind logprob_difference
  prompts_id, -- hash of the set of prompts: two sets are not comparable
  trial_id, -- its trial
  role -- why the attempt ran
) AS
  SELECT q.attempt_id, q.reference, q.prompts, q.exact_match, q.token_agreement, q.first_divergence,
    q.logprob_difference, q.reference_attempt, q.answered, q.compared, q.exact, q.exact_low, q.exact_high, q.tokens,
    q.token_unit, q.near_ties, q.logprob_tokens, q.prompts_id, a.trial_id, a.role
  FROM store.quality q JOIN store.current_attempt a USING (attempt_id);

-- Configurations that the pre-check refused.
CREATE OR REPLACE VIEW rejections (
  campaign_id, -- latest version of the campaign of the lineage
  fingerprint, -- of the configuration
  params_json, -- what the sampler had chosen
  rule, -- rule that said no
  reason, -- with the numbers
  rejection_id, -- id of the record
  run_id, -- run that refused it
  search_key, -- lineage
  series, -- repetition of the lineage
  entry, -- runtime block
  runtime, -- inference engine
  params, -- params."threads"::int
  rejected_utc -- when
) AS
  SELECT coalesce(c.campaign_id, u.campaign_id), r.fingerprint, r.params_json, r.rule, r.reason, r.rejection_id,
    r.run_id, r.search_key, r.series, r.entry, r.runtime, r.params, r.rejected_utc
  FROM store.rejection r
  LEFT JOIN store.latest_campaign c USING (search_key)
  LEFT JOIN store.run u USING (run_id);

-- Refused configurations that were deployed all the same, to find wrong rules: told to no search, in no view of trials.
CREATE OR REPLACE VIEW precheck_audits (
  attempt_id, -- the attempt
  campaign_id, -- latest version of the campaign of the lineage
  rule, -- rule that said no
  reason, -- with its numbers
  failed, -- true: it failed, as the rule says; false: it served, and the rule is wrong; NULL: nobody knows
  outcome, -- raw outcome
  phase, -- how far it came
  cause, -- of the failure
  evidence, -- line that proves it
  params_json, -- what the sampler had chosen
  entry, -- runtime block
  runtime, -- inference engine
  fingerprint, -- of the configuration
  seconds, -- wall time that the audit took
  search_key, -- lineage
  series, -- repetition of the lineage
  started_utc -- when it began
) AS
  SELECT a.attempt_id, r.campaign_id, r.rule, r.reason,
    CASE WHEN j.status = 'failed' THEN j.cause NOT IN ('slo', 'quality') WHEN j.status = 'succeeded' THEN false END,
    a.outcome, coalesce(j.phase, a.failed_phase, a.phase), coalesce(j.cause, a.cause), coalesce(j.evidence, a.evidence),
    a.params_json, a.entry, a.runtime, a.fingerprint, a.seconds, a.search_key, a.series, a.started_utc
  FROM store.current_attempt a
  JOIN (
    SELECT * FROM rejections
    QUALIFY row_number() OVER (PARTITION BY search_key, series, fingerprint ORDER BY rejected_utc, rejection_id) = 1
  ) r ON r.search_key = a.search_key AND r.series = a.series AND r.fingerprint = a.fingerprint
  LEFT JOIN store.judged_attempt j ON j.attempt_id = a.attempt_id
  WHERE a.role = 'audit';

-- How good the pre-check was, by campaign, series and rule; rule `all` is all that predict a failure, together. What the
-- campaign itself rules out, and what would be a waste and no failure, can not be wrong: no precision, in no sum.
CREATE OR REPLACE VIEW precheck_quality (
  campaign_id, -- latest version of the campaign of the lineage
  rule, -- rule that said no, or `all`
  predicts, -- whether the rule says that the engine would fail
  rejected, -- configurations refused
  audited, -- of them deployed all the same, with an end that tells
  failed, -- of these failed, as the rule says
  precision, -- failed / audited; NULL when nothing was audited
  low, -- lower end of its 95 % interval (Wilson)
  high, -- upper end
  unforeseen, -- of `all`: trials of the search that memory or a flag ended, which no rule had refused; NULL for a rule
  recall, -- of `all`: refused and not found wrong, as a share of those and the unforeseen ones
  search_key, -- lineage
  series, -- repetition of the lineage
  campaign -- campaign name
) AS
  WITH refused AS (
    SELECT search_key, series, rule, count(DISTINCT fingerprint) AS rejected,
      rule NOT IN ('where', 'abstract-field', 'abstract-value', 'revision-not-passed', 'needs-continuous-batching',
        'one-cache-size') AS predicts
    FROM rejections GROUP BY search_key, series, rule
  ), tried AS (
    SELECT search_key, series, rule, count(failed) AS audited, count(*) FILTER (WHERE failed) AS failed
    FROM precheck_audits GROUP BY search_key, series, rule
  ), by_rule AS (
    SELECT r.search_key, r.series, r.rule, r.predicts, r.rejected, coalesce(t.audited, 0) AS audited,
      coalesce(t.failed, 0) AS failed, NULL::BIGINT AS unforeseen
    FROM refused r LEFT JOIN tried t USING (search_key, series, rule)
  ), missed AS (
    SELECT search_key, series, count(*) AS unforeseen
    FROM store.deciding_attempt
    WHERE role = 'search' AND status = 'failed'
      AND cause IN ('bad_flag', 'dtype', 'oom_load', 'oom_graph', 'oom_serve', 'kv_too_small')
    GROUP BY search_key, series
  ), every AS (
    SELECT search_key, series, 'all' AS rule, true AS predicts, sum(rejected)::BIGINT AS rejected,
      sum(audited)::BIGINT AS audited, sum(failed)::BIGINT AS failed, sum(unforeseen)::BIGINT AS unforeseen
    FROM (
      SELECT search_key, series, rejected, audited, failed, 0 AS unforeseen FROM by_rule WHERE predicts
      UNION ALL SELECT search_key, series, 0, 0, 0, unforeseen FROM missed
    ) GROUP BY search_key, series
  )
  SELECT c.campaign_id, q.rule, q.predicts, q.rejected, q.audited, q.failed, q.failed / nullif(q.audited, 0),
    wilson_low(q.failed, q.audited), wilson_high(q.failed, q.audited), q.unforeseen,
    (q.rejected - (q.audited - q.failed)) / nullif(q.rejected - (q.audited - q.failed) + q.unforeseen, 0),
    q.search_key, q.series, c.name
  FROM (SELECT * FROM by_rule UNION ALL SELECT * FROM every) q
  JOIN store.latest_campaign c USING (search_key);

-- One SLO at one level of one attempt, under any rules of its lineage.
CREATE OR REPLACE VIEW slo_verdicts (
  attempt_id, -- the attempt
  position, -- the level
  slo, -- name of the SLO
  hard, -- a miss is a failure
  limit_value, -- in the metric's unit
  value, -- measured
  ratio, -- actual / limit (limit / actual for a minimum): above 1 is a miss
  verdict, -- met, missed_soft, missed_hard, unmeasured
  rules_id, -- the rules
  latest -- true for the rules in force
) AS
  SELECT v.attempt_id, v.position, v.slo, v.hard, v.limit_value, v.value, v.ratio, v.verdict, v.rules_id,
    coalesce(v.rules_id = r.rules_id, false)
  FROM store.slo_verdict v
  JOIN store.current_attempt a USING (attempt_id)
  LEFT JOIN store.latest_rules r USING (search_key);

-- An attempt judged under rules, the old ones included.
CREATE OR REPLACE VIEW scores (
  attempt_id, -- the attempt
  rules_id, -- the rules
  value, -- score, in the objective's unit; NULL without success
  severity, -- 0 for a success, in (0, 1) for a failure, NULL when unmeasured
  soft_penalty, -- P of missed soft SLOs
  status, -- succeeded, failed, unmeasured
  objective_value, -- the objective before the soft penalty
  phase, -- of the judged failure
  cause, -- of the judged failure
  evidence, -- that proves it
  goodput_level, -- level the value was taken from, for `at: goodput`
  latest -- true for the rules in force
) AS
  SELECT s.attempt_id, s.rules_id, s.value, s.severity, s.soft_penalty, s.status, s.objective_value, s.phase, s.cause,
    s.evidence, s.goodput_level, coalesce(s.rules_id = r.rules_id, false)
  FROM store.score s
  JOIN store.current_attempt a USING (attempt_id)
  LEFT JOIN store.latest_rules r USING (search_key);

-- What an attempt that succeeded is worth by each objective of rules that have several. Number 0 is the score.
CREATE OR REPLACE VIEW objectives (
  attempt_id, -- the attempt
  rules_id, -- the rules
  number, -- place in the list of the campaign, from 0
  objective, -- metric, with its statistic
  objective_at, -- which level counts
  goal, -- maximize or minimize
  unit, -- of the values
  value, -- made worse by missed soft SLOs, as the score is
  objective_value, -- as measured
  latest -- true for the rules in force
) AS
  WITH further AS (
    SELECT attempt_id, rules_id, number, objective, objective_at, goal, unit, value, objective_value
    FROM store.objective
    UNION ALL
    SELECT s.attempt_id, s.rules_id, 0, r.objective, r.objective_at, r.goal, r.unit, s.value, s.objective_value
    FROM store.score s
    JOIN (SELECT DISTINCT rules_id, objective, objective_at, goal, unit FROM store.rules) r USING (rules_id)
    SEMI JOIN store.objective USING (attempt_id, rules_id)
  )
  SELECT f.attempt_id, f.rules_id, f.number, f.objective, f.objective_at, f.goal, f.unit, f.value, f.objective_value,
    coalesce(f.rules_id = r.rules_id, false)
  FROM further f
  JOIN store.current_attempt a USING (attempt_id)
  LEFT JOIN store.latest_rules r USING (search_key);

-- Rules of each lineage, the old ones included.
CREATE OR REPLACE VIEW rules (
  rules_id, -- follows from the rules
  search_key, -- lineage
  objective, -- metric, with its statistic
  objective_at, -- which level counts
  goal, -- maximize or minimize
  unit, -- unit of scores
  resolution, -- smallest difference that means anything
  rules_json, -- objective, SLOs, needed success rate, levels
  written_utc, -- when
  latest -- in force
) AS
  SELECT r.rules_id, r.search_key, r.objective, r.objective_at, r.goal, r.unit, r.resolution, r.rules_json,
    r.written_utc, r.record_id = l.record_id
  FROM store.rules r JOIN store.latest_rules l USING (search_key);

-- When each withdrawn attempt was withdrawn first; a second retraction of it says nothing new.
CREATE OR REPLACE VIEW store.first_retraction AS
  SELECT * FROM store.retraction
  QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY retracted_utc, retraction_id) = 1;

-- Comparisons, without those that were made from an attempt of one of their two trials before it was withdrawn (the
-- same rule as runner.store.history). One that was made afterwards rests on what was left.
CREATE OR REPLACE VIEW store.standing_comparison AS
  SELECT m.* FROM store.comparison m
  WHERE NOT EXISTS (
    FROM store.first_retraction r JOIN store.attempt a USING (attempt_id)
    WHERE a.trial_id IN (m.trial_a, m.trial_b) AND a.ended_utc <= m.compared_utc AND m.compared_utc < r.retracted_utc);

-- Two trials compared on one metric by repeated, interleaved measurement. What rests on a withdrawn attempt is left out.
CREATE OR REPLACE VIEW comparisons (
  comparison_id, -- id of the record
  campaign_id, -- latest version of the campaign of the lineage
  trial_a, -- the candidate
  trial_b, -- what it is compared with
  metric, -- compared metric
  verdict, -- of a against b: better, worse, tie, inconclusive, incomparable
  log_ratio, -- mean(ln a) - mean(ln b), positive = a is better
  low, -- lower end of its interval
  high, -- upper end
  repeats, -- rounds measured
  client, -- load generator
  reason, -- why this verdict
  unit, -- of the values
  value_a, -- geometric mean of a, over the rounds that both have
  value_b, -- geometric mean of b
  run_id, -- run that compared
  search_key, -- lineage
  series, -- repetition of the lineage
  compared_utc, -- when
  latest, -- the latest comparison of these two trials on this metric for this purpose
  purpose, -- who asked: confirm, gate, reproduce
  confidence, -- of the interval, over all looks at the repeats and all pairs
  more_repeats, -- if inconclusive: how many more of each would decide; NULL = nobody can say
  at_most, -- repeats that the campaign allowed
  drift, -- log change of the machine from the first round to the last, positive = it became better
  drift_low, -- lower end of the interval of the drift
  drift_high -- upper end
) AS
  SELECT m.comparison_id, coalesce(c.campaign_id, u.campaign_id), m.trial_a, m.trial_b, m.metric, m.verdict,
    m.log_ratio, m.low, m.high, m.repeats, m.client, m.reason, m.unit, m.value_a, m.value_b, m.run_id, m.search_key,
    m.series, m.compared_utc,
    row_number() OVER (PARTITION BY m.trial_a, m.trial_b, m.metric, m.purpose
      ORDER BY m.compared_utc DESC, m.comparison_id DESC) = 1,
    m.purpose, m.confidence, m.more_repeats, m.at_most, m.drift, m.drift_low, m.drift_high
  FROM store.standing_comparison m
  LEFT JOIN store.latest_campaign c USING (search_key)
  LEFT JOIN store.run u USING (run_id);

-- The series that `best` and `baselines` speak of: the latest one with a success, else the latest one.
CREATE OR REPLACE VIEW store.shown_series AS
  SELECT search_key, coalesce(max(series) FILTER (WHERE status = 'succeeded'), max(series)) AS series
  FROM trials GROUP BY search_key;

-- The best trial of each campaign and series. As soon as trials were confirmed, only confirmed ones compete, and one
-- whose repeats all succeeded comes before one with failed repeats, whatever their scores (runner.confirm.best_trial).
CREATE OR REPLACE VIEW best_by_series (
  campaign_id, -- latest version of the campaign of the lineage
  series, -- repetition of the lineage
  trial_id, -- the best trial
  score, -- confirmed score for basis `confirmed`, else search score
  basis, -- confirmed or search
  search_score, -- of the search
  unit, -- of the scores
  search_key, -- lineage
  campaign -- campaign name
) AS
  SELECT campaign_id, series, trial_id, coalesce(confirmed_score, score),
    CASE WHEN confirmed_score IS NULL THEN 'search' ELSE 'confirmed' END, score, unit, search_key, campaign
  FROM trials
  WHERE status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY search_key, series
    ORDER BY confirmed_score IS NULL,
      CASE WHEN confirmed_score IS NULL THEN 1 ELSE confirm_failed / (confirm_repeats + confirm_failed) END,
      CASE goal WHEN 'maximize' THEN -1 ELSE 1 END * coalesce(confirmed_score, score), number) = 1;

-- The best trial of each campaign, in its latest series that has a success.
CREATE OR REPLACE VIEW best (
  campaign_id, -- latest version of the campaign of the lineage
  trial_id, -- the best trial
  score, -- confirmed score for basis `confirmed`, else search score
  basis, -- confirmed or search
  search_score, -- of the search
  unit, -- of the scores
  series, -- repetition of the lineage
  search_key, -- lineage
  campaign -- campaign name
) AS
  SELECT b.campaign_id, b.trial_id, b.score, b.basis, b.search_score, b.unit, b.series, b.search_key, b.campaign
  FROM best_by_series b JOIN store.shown_series s ON s.search_key = b.search_key AND s.series = b.series;

-- The trials of a campaign with several objectives that succeeded, and whether another one is at least as good in all
-- of them and better in one.
CREATE OR REPLACE VIEW fronts (
  campaign_id, -- latest version of the campaign of the lineage
  trial_id, -- the trial
  on_front, -- nobody beats it
  beaten_by, -- trials that do
  series, -- repetition of the lineage
  search_key, -- lineage
  campaign -- campaign name
) AS
  WITH gain AS (
    SELECT t.search_key, t.series, t.campaign_id, t.campaign, t.trial_id, o.number,
      CASE o.goal WHEN 'maximize' THEN o.value ELSE -o.value END AS gain
    FROM trials t JOIN objectives o ON o.attempt_id = t.attempt_id AND o.latest
    WHERE t.status = 'succeeded'
  ), beaten AS (
    SELECT a.trial_id, b.trial_id AS better
    FROM gain a JOIN gain b USING (search_key, series, number)
    GROUP BY ALL
    HAVING bool_and(b.gain >= a.gain) AND bool_or(b.gain > a.gain)
  )
  SELECT g.campaign_id, g.trial_id, count(b.better) = 0, count(b.better), g.series, g.search_key, g.campaign
  FROM (SELECT DISTINCT search_key, series, campaign_id, campaign, trial_id FROM gain) g
  LEFT JOIN beaten b USING (trial_id)
  GROUP BY g.campaign_id, g.trial_id, g.series, g.search_key, g.campaign;

-- The default configuration of each entry, in the series of `best`.
CREATE OR REPLACE VIEW baselines (
  campaign_id, -- latest version of the campaign of the lineage
  trial_id, -- the trial that ran the entry's fixed flags and nothing else
  entry, -- runtime block
  score, -- confirmed score for basis `confirmed`, else search score; NULL when it failed
  basis, -- confirmed or search
  search_score, -- of the search
  unit, -- of the scores
  status, -- of the trial
  series, -- repetition of the lineage
  search_key, -- lineage
  campaign -- campaign name
) AS
  SELECT t.campaign_id, t.trial_id, t.entry, coalesce(t.confirmed_score, t.score),
    CASE WHEN t.confirmed_score IS NULL THEN 'search' ELSE 'confirmed' END, t.score, t.unit, t.status, t.series,
    t.search_key, t.campaign
  FROM trials t JOIN store.shown_series s ON s.search_key = t.search_key AND s.series = t.series
  WHERE t.is_default;

-- Telemetry of the GPUs beside an attempt.
CREATE OR REPLACE VIEW gpu_samples (
  attempt_id, -- the attempt
  seconds, -- since its start
  gpu, -- uuid of the GPU
  utilization, -- ratio, 0 to 1
  memory_bytes, -- in use
  power_watts, -- drawn
  temperature_celsius, -- of the chip
  clock_mhz -- of the multiprocessors
) AS
  SELECT attempt_id, seconds, gpu, utilization, memory_bytes, power_watts, temperature_celsius, clock_mhz
  FROM store.gpu_sample ANTI JOIN store.retraction USING (attempt_id);

-- Machines, one row per different set of facts.
CREATE OR REPLACE VIEW hosts (
  host_id, -- hash of the facts
  host, -- host name
  cpu_model, -- as the system names it
  cpu_count, -- logical cores that may be used
  memory_bytes, -- physical memory
  os, -- distribution
  kernel, -- kernel release
  python, -- interpreter of tunebook
  gpu_count, -- GPUs seen
  gpu, -- their names
  gpus_json -- each with uuid, name, memory and what its driver says of it
) AS
  SELECT host_id, host, cpu_model, cpu_count, memory_bytes, os, kernel, python, gpu_count, gpu, gpus_json
  FROM store.host;

-- What the headers of a model's files said when a run began. Weights and cache alone: what an engine needs besides is
-- in neither.
CREATE OR REPLACE VIEW models (
  run_id, -- the run
  campaign_id, -- version of the campaign it ran
  model, -- short name of the model
  form, -- gguf, safetensors or pytorch
  architecture, -- as the files name it; NULL here and below: they do not say
  parameters, -- numbers in the tensors
  quantization, -- method; NULL where the weights are whole numbers of their type
  weight_bytes, -- of all tensors
  files, -- that hold them
  dtypes_json, -- type of number -> bytes of weights
  positions, -- longest context that it was made for, in tokens
  layers, -- blocks of the network
  kv_heads, -- heads of keys and values in a layer
  head_dim, -- numbers in a key
  value_dim, -- numbers in a value
  kv_latent, -- numbers that a layer keeps for a token in place of keys and values
  kv_numbers_per_token, -- that the cache holds: x bytes of its type = bytes per token
  vocabulary -- different tokens
) AS
  SELECT m.run_id, r.campaign_id, c.model, m.form, m.architecture, m.parameters, m.quantization, m.weight_bytes, m.files,
    m.dtypes_json, m.positions, m.layers, m.kv_heads, m.head_dim, m.value_dim, m.kv_latent, m.kv_numbers_per_token,
    m.vocabulary
  FROM store.model m
  JOIN store.run r USING (run_id)
  JOIN store.campaign_version c USING (campaign_id);

-- What measured each attempt, to the last version: all that must be the same before two numbers may be compared, and
-- what a second measurement needs.
CREATE OR REPLACE VIEW provenance (
  attempt_id, -- the attempt
  trial_id, -- trial it belongs to
  campaign, -- name of the campaign
  version_sha256, -- of the resolved campaign file
  git_commit, -- commit of the project folder, empty when unknown
  tunebook_version, -- version of tunebook
  python, -- interpreter of tunebook
  engine, -- what answered, NULL when nothing did
  engine_version, -- its version
  engine_build, -- commit or compiler line
  image_digest, -- container image, NULL without a container
  client, -- load generator
  client_version, -- its version
  host, -- host name
  boot_id, -- of the host: changes when it is started again
  os, -- distribution
  kernel, -- kernel release
  cpu_model, -- as the system names it
  cpu_count, -- logical cores that may be used
  memory_bytes, -- physical memory
  gpu_uuids, -- GPUs that it was given
  gpu, -- their names
  driver, -- version of their driver
  cuda -- newest CUDA that the driver runs
) AS
  SELECT a.attempt_id, a.trial_id, r.name, c.version_sha256, r.git_commit, r.tunebook_version, h.python,
    a.engine, a.engine_version, a.engine_build, a.image_digest, a.client, a.client_version,
    a.host, a.boot_id, h.os, h.kernel, h.cpu_model, h.cpu_count, h.memory_bytes, a.gpu_uuids,
    nullif(list_aggregate(list_transform(g.used, lambda one: one.name), 'string_agg', ', '), ''),
    nullif(list_aggregate(list_distinct(list_transform(g.used, lambda one: one.driver)), 'string_agg', ', '), ''),
    nullif(list_aggregate(list_distinct(list_transform(g.used, lambda one: one.cuda)), 'string_agg', ', '), '')
  FROM store.current_attempt a
  LEFT JOIN store.run r USING (run_id)
  LEFT JOIN store.campaign_version c USING (campaign_id)
  LEFT JOIN store.host h ON h.host_id = a.host_id
  LEFT JOIN (
    SELECT attempt_id, list_filter(
      from_json(gpus_json, '[{"uuid":"VARCHAR","name":"VARCHAR","driver":"VARCHAR","cuda":"VARCHAR"}]'),
      lambda one: list_contains(gpu_uuids, one.uuid)) AS used
    FROM store.current_attempt JOIN store.host USING (host_id)
  ) g ON g.attempt_id = a.attempt_id;

-- What each attempt took.
CREATE OR REPLACE VIEW cost (
  attempt_id, -- the attempt
  trial_id, -- its trial
  campaign_id, -- version of the campaign that was run
  run_id, -- run that made it
  seconds, -- wall time
  gpu_seconds, -- wall time x GPUs
  price, -- gpu_seconds x the campaign's price per GPU-hour; NULL on CPU or without a price
  currency, -- of the price
  role, -- why it ran
  outcome -- measured, failed, infra, interrupted
) AS
  SELECT a.attempt_id, a.trial_id, c.campaign_id, a.run_id, a.seconds, a.gpu_seconds,
    CASE WHEN c.gpus > 0 THEN a.gpu_seconds / 3600 * c.price_per_gpu_hour END,
    CASE WHEN c.gpus > 0 AND c.price_per_gpu_hour IS NOT NULL THEN c.currency END, a.role, a.outcome
  FROM store.current_attempt a
  LEFT JOIN store.run r USING (run_id)
  LEFT JOIN store.campaign_version c ON c.campaign_id = r.campaign_id;

-- What other tools measured and `import results` took in: one row per load. It is in no other view, and nothing of ours is
-- compared or ranked with it. A file that two machines imported counts once.
CREATE OR REPLACE VIEW foreign_results (
  foreign_id, -- id of the record; the file lies in it
  position, -- order of the loads in the file, from 0
  format, -- what it was read as
  tool, -- what measured
  tool_version, -- NULL where the file does not say it
  model, -- as the file names it
  load_kind, -- concurrency or rate; NULL where the file does not say it
  load_value, -- requests in flight, or requests per second
  ok, -- requests answered in full
  failed, -- requests that ended with an error
  lost, -- requests without an answer before the end
  seconds, -- measured window
  started_utc, -- when it began to measure
  imported_utc, -- when it was imported
  said, -- name of the file, as it was given
  sha256, -- of the file
  unread, -- what stands in the file and was not taken
  missing -- what the format has and the file has not
) AS
  SELECT r.foreign_id, l.position, r.format, r.tool, r.tool_version, r.model, l.load_kind, l.load_value, l.ok, l.failed,
    l.lost, l.seconds, r.started_utc, r.imported_utc, r.said, r.sha256, r.unread, r.missing
  FROM (FROM store.foreign_result
    QUALIFY row_number() OVER (PARTITION BY sha256 ORDER BY imported_utc, foreign_id) = 1) r
  JOIN store.foreign_level l USING (foreign_id);

-- The numbers of foreign_results as they were published, in our units.
CREATE OR REPLACE VIEW foreign_metrics (
  foreign_id, -- id of the record
  position, -- the load
  metric, -- our name where the quantity is the same, else the name of the tool
  stat, -- mean, stddev, min, max, p50, p99, ...; `value` for one number
  unit, -- of the value
  value, -- the number
  published_as, -- where it stands in the file
  published_unit -- unit there
) AS
  SELECT m.foreign_id, m.position, m.metric, m.stat, m.unit, m.value, m.published_as, m.published_unit
  FROM store.foreign_metric m SEMI JOIN foreign_results r USING (foreign_id, position);

-- Withdrawn attempts, one row each: every other view leaves them out.
CREATE OR REPLACE VIEW retractions (
  retraction_id, -- id of the record
  attempt_id, -- the attempt
  reason, -- why
  "by", -- who, as given with --by; empty when nobody was named
  retracted_utc, -- when
  trial_id, -- its trial
  run_id, -- run that made it
  outcome, -- what it had been: measured, failed, infra, interrupted
  search_key, -- lineage
  series, -- repetition of the lineage
  campaign, -- campaign name
  number, -- number of the trial
  role, -- why it ran
  repeat, -- round of a confirm attempt, from 1
  entry, -- runtime block
  runtime, -- inference engine
  fingerprint, -- of the configuration
  params_json, -- what the sampler had chosen
  score, -- under the rules in force; it counts nowhere
  unit, -- of the score
  objective, -- metric that is optimised
  seconds, -- wall time of the attempt
  gpu_seconds, -- wall time x GPUs of the attempt
  started_utc -- when the attempt began
) AS
  SELECT r.retraction_id, r.attempt_id, r.reason, r."by", r.retracted_utc, a.trial_id, a.run_id, a.outcome,
    a.search_key, a.series, u.name, a.number, a.role, a.repeat, a.entry, a.runtime, a.fingerprint, a.params_json,
    s.value, l.unit, l.objective, a.seconds, a.gpu_seconds, a.started_utc
  FROM store.first_retraction r
  LEFT JOIN store.attempt a USING (attempt_id)
  LEFT JOIN store.run u USING (run_id)
  LEFT JOIN store.latest_rules l ON l.search_key = a.search_key
  LEFT JOIN store.score s ON s.attempt_id = a.attempt_id AND s.rules_id = l.rules_id;
