-- An entry of the shown series of a campaign: what it was measured under, how often it failed, its best trial by the
-- rule that names the best of a campaign, and its default. Latest run first.
-- columns:
--   campaign VARCHAR        name
--   entry VARCHAR           runtime block
--   runtime VARCHAR         inference engine
--   model VARCHAR           model, short
--   model_revision VARCHAR  revision
--   hardware VARCHAR        CPU, or number and name of the GPUs
--   objective VARCHAR       metric, with its statistic
--   objective_at VARCHAR    which level counts
--   goal VARCHAR            maximize or minimize
--   client VARCHAR          load generator of the attempt that decided over the best trial, else of the first trial
--   client_version VARCHAR  its version; this and what follows up to the trials is of the same attempt
--   workload_key VARCHAR    hash of workload and client
--   host VARCHAR            machine
--   gpu VARCHAR             names of its GPUs
--   cpu_model VARCHAR       as the system names it
--   engine VARCHAR          what answered
--   engine_version VARCHAR  its version
--   image_digest VARCHAR    container image
--   trials BIGINT           judged trials
--   failed BIGINT           of them failed
--   fail_low DOUBLE         lower end of the 95 % interval of their share
--   fail_high DOUBLE        upper end
--   rejected BIGINT         configurations that the pre-check refused
--   best_number INTEGER     best trial; NULL when none succeeded
--   best_value DOUBLE       the objective as measured, mean of the confirm attempts, or of the search
--   best_score DOUBLE       confirmed score, or search score: the objective made worse by missed soft SLOs
--   best_basis VARCHAR      confirmed or search
--   best_client VARCHAR     load generator of the confirmation
--   best_repeats BIGINT     succeeded confirm attempts
--   best_params_json VARCHAR what the sampler chose
--   default_number INTEGER  trial of the default
--   default_score DOUBLE    confirmed score, or search score; NULL when it failed
--   status VARCHAR          of the default
--   cause VARCHAR           of its failure
WITH chosen AS (
  SELECT * FROM shown_trials WHERE status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY search_key, entry
    ORDER BY confirmed_score IS NULL,
      CASE WHEN confirmed_score IS NULL THEN 1 ELSE confirm_failed / (confirm_repeats + confirm_failed) END,
      CASE goal WHEN 'maximize' THEN -1 ELSE 1 END * coalesce(confirmed_score, score), number) = 1
), counted AS (
  SELECT search_key, entry, arg_min(runtime, number) AS runtime, arg_min(attempt_id, number) AS first_attempt,
    count(*) FILTER (WHERE status <> 'unmeasured') AS trials, count(*) FILTER (WHERE status = 'failed') AS failed
  FROM shown_trials GROUP BY search_key, entry
), plain AS (
  SELECT * FROM shown_trials WHERE is_default
  QUALIFY row_number() OVER (PARTITION BY search_key, entry ORDER BY number) = 1
), refused AS (
  SELECT search_key, series, entry, count(*) AS rejected FROM rejections GROUP BY search_key, series, entry
)
SELECT
  s.campaign, n.entry, n.runtime, s.model, c.model_revision, s.hardware, s.objective, s.objective_at, s.goal,
  a.client, a.client_version, a.workload_key, a.host, p.gpu, p.cpu_model, a.engine, a.engine_version, a.image_digest,
  n.trials, n.failed,
  round(wilson_low(n.failed, n.trials), 6)::DOUBLE AS fail_low,
  round(wilson_high(n.failed, n.trials), 6)::DOUBLE AS fail_high,
  coalesce(r.rejected, 0) AS rejected,
  b.number AS best_number,
  CASE WHEN b.confirmed_score IS NULL THEN b.objective_value ELSE v.objective_value END AS best_value,
  coalesce(b.confirmed_score, b.score) AS best_score,
  CASE WHEN b.number IS NULL THEN NULL WHEN b.confirmed_score IS NULL THEN 'search' ELSE 'confirmed' END AS best_basis,
  b.confirm_client AS best_client, b.confirm_repeats AS best_repeats, b.params_json AS best_params_json,
  d.number AS default_number, coalesce(d.confirmed_score, d.score) AS default_score, d.status, d.cause
FROM shown s
JOIN campaigns c USING (campaign_id)
JOIN counted n ON n.search_key = s.search_key
LEFT JOIN chosen b ON b.search_key = n.search_key AND b.entry = n.entry
LEFT JOIN (
  SELECT a.trial_id, a.client, avg(o.objective_value) AS objective_value
  FROM scores o JOIN attempts a USING (attempt_id)
  WHERE o.latest AND a.role = 'confirm' AND o.status = 'succeeded'
  GROUP BY a.trial_id, a.client
) v ON v.trial_id = b.trial_id AND v.client = b.confirm_client
LEFT JOIN plain d ON d.search_key = n.search_key AND d.entry = n.entry
LEFT JOIN refused r ON r.search_key = s.search_key AND r.series = s.series AND r.entry = n.entry
JOIN attempts a ON a.attempt_id = coalesce(b.attempt_id, n.first_attempt)
JOIN provenance p ON p.attempt_id = a.attempt_id
ORDER BY c.last_run_utc DESC, s.campaign, n.entry
