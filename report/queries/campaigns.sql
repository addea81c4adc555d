-- A campaign: its latest lineage, what the file asked for, how far it got and its best trial. Latest run first.
-- columns:
--   campaign VARCHAR        name
--   campaign_id VARCHAR     latest version
--   version_sha256 VARCHAR  hash of that version
--   path VARCHAR            where the file lay in the project
--   description VARCHAR     free text of the file
--   campaign_text VARCHAR   the file as it was written
--   model VARCHAR           model, short
--   model_revision VARCHAR  revision
--   hardware VARCHAR        CPU, or number and name of the GPUs
--   deploy VARCHAR          where engines ran
--   client VARCHAR          load generator of the search
--   objective VARCHAR       metric, with its statistic
--   objective_at VARCHAR    which level counts
--   goal VARCHAR            maximize or minimize
--   unit VARCHAR            of scores
--   sampler VARCHAR         who proposed
--   seed BIGINT             of the search
--   series INTEGER          shown repetition of the lineage
--   trials_planned INTEGER  trials asked for
--   first_run_utc TIMESTAMP start of the first run of this version
--   last_run_utc TIMESTAMP  start of the latest run
--   end_reason VARCHAR      why the latest run of the campaign ended; NULL while it runs, or when it was killed
--   runtimes VARCHAR        engines of its trials
--   state VARCHAR           of its best: confirmed or search; failed when nothing succeeded, unmeasured without an end
--   trials BIGINT           trials of the shown series
--   succeeded BIGINT        of them with a score
--   failed BIGINT           of them failed
--   unmeasured BIGINT       of them neither
--   rejected BIGINT         configurations that the pre-check refused
--   seconds DOUBLE          wall time of all attempts of the series (s)
--   seconds_lost DOUBLE     of them on attempts that failed (s)
--   best_number INTEGER     number of the best trial
--   best_entry VARCHAR      its entry
--   best_runtime VARCHAR    its runtime
--   best_params_json VARCHAR what the sampler chose for it
--   best_value DOUBLE       the objective as measured, mean of the confirm attempts, or of the search
--   best_score DOUBLE       confirmed score, or search score: the objective made worse by missed soft SLOs
--   best_search_score DOUBLE score in the search
--   best_basis VARCHAR      confirmed or search
--   best_repeats BIGINT     succeeded confirm attempts behind a confirmed score
--   best_client VARCHAR     load generator of the confirmation
--   best_launch VARCHAR     command line with $MODEL and $PORT
--   best_attempt VARCHAR    attempt that decided over it
--   near_number INTEGER     failed trial that came nearest: least severity, most levels, first
--   near_entry VARCHAR      its entry
--   near_params_json VARCHAR what the sampler chose for it
--   near_phase VARCHAR      where it failed
--   near_cause VARCHAR      why
--   near_evidence VARCHAR   line that proves it
--   near_hint VARCHAR       what to do about it
SELECT
  s.campaign, s.campaign_id, c.version_sha256, c.path, c.description, c.campaign_text, c.model, c.model_revision,
  c.hardware, c.deploy, c.client, s.objective, s.objective_at, s.goal, s.unit, c.sampler, c.seed, s.series,
  c.trials_planned, c.first_run_utc, c.last_run_utc, l.end_reason, n.runtimes,
  CASE WHEN t.number IS NOT NULL THEN b.basis WHEN n.failed > 0 THEN 'failed' ELSE 'unmeasured' END AS state,
  coalesce(n.trials, 0) AS trials, coalesce(n.succeeded, 0) AS succeeded, coalesce(n.failed, 0) AS failed,
  coalesce(n.unmeasured, 0) AS unmeasured, coalesce(r.rejected, 0) AS rejected,
  coalesce(a.seconds, 0) AS seconds, coalesce(a.seconds_lost, 0) AS seconds_lost,
  t.number AS best_number, t.entry AS best_entry, t.runtime AS best_runtime, t.params_json AS best_params_json,
  CASE b.basis WHEN 'confirmed' THEN v.objective_value ELSE t.objective_value END AS best_value,
  b.score AS best_score, b.search_score AS best_search_score, b.basis AS best_basis,
  t.confirm_repeats AS best_repeats, t.confirm_client AS best_client, t.launch AS best_launch,
  t.attempt_id AS best_attempt, m.number AS near_number, m.entry AS near_entry, m.params_json AS near_params_json,
  m.phase AS near_phase, m.cause AS near_cause, m.evidence AS near_evidence, m.hint AS near_hint
FROM shown s
JOIN campaigns c USING (campaign_id)
LEFT JOIN numbered_runs l ON l.campaign = s.campaign AND l.run = l.runs
LEFT JOIN shown_best b ON b.search_key = s.search_key
LEFT JOIN shown_trials t ON t.trial_id = b.trial_id
LEFT JOIN (
  SELECT a.trial_id, a.client, round(avg(o.objective_value), 9) AS objective_value
  FROM scores o JOIN attempts a USING (attempt_id)
  WHERE o.latest AND a.role = 'confirm' AND o.status = 'succeeded'
  GROUP BY a.trial_id, a.client
) v ON v.trial_id = t.trial_id AND v.client = t.confirm_client
LEFT JOIN (
  SELECT search_key, count(*) AS trials, string_agg(DISTINCT runtime, ', ' ORDER BY runtime) AS runtimes,
    count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'unmeasured') AS unmeasured
  FROM shown_trials GROUP BY search_key
) n ON n.search_key = s.search_key
LEFT JOIN (SELECT search_key, series, count(*) AS rejected FROM rejections GROUP BY search_key, series) r
  ON r.search_key = s.search_key AND r.series = s.series
LEFT JOIN (
  SELECT search_key, series, round(sum(seconds), 3) AS seconds,
    round(coalesce(sum(seconds) FILTER (WHERE outcome <> 'measured'), 0), 3) AS seconds_lost
  FROM attempts GROUP BY search_key, series
) a ON a.search_key = s.search_key AND a.series = s.series
LEFT JOIN (
  SELECT x.* FROM shown_trials x LEFT JOIN failures f USING (attempt_id) WHERE x.status = 'failed'
  QUALIFY row_number() OVER (
    PARTITION BY x.search_key ORDER BY x.severity, coalesce(f.levels_done, 0) DESC, x.number) = 1
) m ON m.search_key = s.search_key
ORDER BY c.last_run_utc DESC, s.campaign
