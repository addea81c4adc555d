-- What the other queries stand on, made once in the reader's own memory: the views of the store are deep, and a query
-- that plans them again for each page would take longer than the pages.

-- Every trial of every lineage and series. A mean of floats differs in its last digit with the order in which it is
-- added up: rounded, a campaign in which nothing happened is told as before.
CREATE OR REPLACE TEMP TABLE known_trials AS
SELECT * REPLACE (round(confirmed_score, 9) AS confirmed_score) FROM trials;

-- The newest fact, from which "lately" is counted back: a page has no clock.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT greatest(
  (SELECT max(coalesce(ended_utc, started_utc)) FROM runs), (SELECT max(ended_utc) FROM attempts)) AS as_of;

-- What the pages speak of: for each campaign name its latest lineage, and of that the latest series with a success,
-- else the latest one.
CREATE OR REPLACE TEMP TABLE shown AS
SELECT
  c.name AS campaign, c.campaign_id, c.search_key, coalesce(s.series, c.series) AS series,
  c.objective, c.objective_at, c.goal, c.unit, c.model, c.hardware
FROM campaigns c
LEFT JOIN (
  SELECT search_key, coalesce(max(series) FILTER (WHERE status = 'succeeded'), max(series)) AS series
  FROM known_trials GROUP BY search_key
) s USING (search_key)
WHERE c.latest
QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1;

-- The name of each lineage: that of its latest run. What ran under a former name is told under this one.
CREATE OR REPLACE TEMP TABLE lineage_names AS
SELECT DISTINCT search_key, name AS campaign FROM campaigns WHERE latest;

-- The trials of what is shown, and the best of each campaign.
CREATE OR REPLACE TEMP VIEW shown_trials AS
SELECT t.* FROM known_trials t JOIN shown s ON s.search_key = t.search_key AND s.series = t.series;

-- The rule of the view `best`, which would find every trial anew.
CREATE OR REPLACE TEMP TABLE shown_best AS
SELECT trial_id, coalesce(confirmed_score, score) AS score, score AS search_score,
  CASE WHEN confirmed_score IS NULL THEN 'search' ELSE 'confirmed' END AS basis, search_key
FROM shown_trials
WHERE status = 'succeeded'
QUALIFY row_number() OVER (
  PARTITION BY search_key
  ORDER BY confirmed_score IS NULL,
    CASE WHEN confirmed_score IS NULL THEN 1 ELSE confirm_failed / (confirm_repeats + confirm_failed) END,
    CASE goal WHEN 'maximize' THEN -1 ELSE 1 END * coalesce(confirmed_score, score), number) = 1;

-- What the failed trials of them died of.
CREATE OR REPLACE TEMP VIEW shown_failures AS
SELECT
  t.campaign, t.number, t.entry, t.params_json, t.phase, t.cause, t.evidence, f.rule, t.hint, coalesce(t.hung, false) AS hung,
  f.exit_code, f.signal, coalesce(f.levels_done, 0) AS levels_done, t.seconds AS seconds_lost,
  t.gpu_seconds AS gpu_seconds_lost, t.objective, t.severity, t.penalty, t.penalty_classic::DOUBLE AS penalty_classic
FROM shown_trials t
LEFT JOIN failures f USING (attempt_id)
WHERE t.status = 'failed';

-- One row per measured level of a trial's deciding attempt, its numbers side by side.
CREATE OR REPLACE TEMP TABLE level_numbers AS
SELECT
  attempt_id, position,
  max(value) FILTER (WHERE metric = 'ttft' AND stat = 'p50') AS ttft_p50,
  max(value) FILTER (WHERE metric = 'ttft' AND stat = 'p90') AS ttft_p90,
  max(value) FILTER (WHERE metric = 'ttft' AND stat = 'p99') AS ttft_p99,
  max(value) FILTER (WHERE metric = 'tpot' AND stat = 'p50') AS tpot_p50,
  max(value) FILTER (WHERE metric = 'tpot' AND stat = 'p90') AS tpot_p90,
  max(value) FILTER (WHERE metric = 'tpot' AND stat = 'p99') AS tpot_p99,
  max(value) FILTER (WHERE metric = 'e2e' AND stat = 'p50') AS e2e_p50,
  max(value) FILTER (WHERE metric = 'e2e' AND stat = 'p90') AS e2e_p90,
  max(value) FILTER (WHERE metric = 'e2e' AND stat = 'p99') AS e2e_p99,
  max(value) FILTER (WHERE metric = 'output_throughput') AS output_throughput,
  max(value) FILTER (WHERE metric = 'request_throughput') AS request_throughput,
  max(value) FILTER (WHERE metric = 'success_rate') AS success_rate
FROM metrics
WHERE metric IN ('ttft', 'tpot', 'e2e', 'output_throughput', 'request_throughput', 'success_rate')
GROUP BY attempt_id, position;

-- The two that a reader lays side by side: the best trial of a campaign, and the default of its entry.
CREATE OR REPLACE TEMP TABLE compared AS
WITH best_trial AS (
  SELECT t.* FROM shown_trials t JOIN shown_best b USING (trial_id)
)
SELECT campaign, 'best' AS which, number, attempt_id FROM best_trial
UNION ALL
SELECT t.campaign, 'default', t.number, t.attempt_id
FROM shown_trials t
JOIN best_trial b ON b.search_key = t.search_key AND b.entry = t.entry
WHERE t.is_default AND NOT b.is_default;

-- Every level that a trial of what is shown measured to its end, with its setting: only levels of one may stand in one
-- picture.
CREATE OR REPLACE TEMP TABLE shown_levels AS
SELECT
  t.campaign AS campaign_name,
  concat_ws(' · ', t.model, t.hardware, l.scenario, concat_ws(' ', a.client, 'client', a.client_version), a.host)
    AS setting,
  t.number, t.entry, t.params_json, l.position, l.load_kind, l.load_value, n.ttft_p50, n.output_throughput, t.status,
  t.cause, b.trial_id IS NOT NULL AS is_best, coalesce(f.absent, 0) AS campaign_absent
FROM shown_trials t
JOIN attempts a ON a.attempt_id = t.attempt_id
JOIN levels l ON l.attempt_id = t.attempt_id
JOIN level_numbers n ON n.attempt_id = l.attempt_id AND n.position = l.position
LEFT JOIN shown_best b ON b.trial_id = t.trial_id
LEFT JOIN (
  SELECT search_key, count(*) AS absent
  FROM shown_trials
  ANTI JOIN (SELECT attempt_id FROM levels WHERE state = 'complete') USING (attempt_id)
  WHERE status = 'failed'
  GROUP BY search_key
) f ON f.search_key = t.search_key
WHERE l.state = 'complete' AND n.ttft_p50 IS NOT NULL AND n.output_throughput IS NOT NULL;

-- The runs of each campaign, numbered from 1 in the order of their start. Those of its earlier lineages count too.
CREATE OR REPLACE TEMP TABLE numbered_runs AS
SELECT
  n.campaign, r.run_id, r.search_key, r.campaign_id, r.started_utc, r.seconds, r.end_reason, r.trials, r.failed,
  (row_number() OVER (PARTITION BY n.campaign ORDER BY r.started_utc, r.run_id))::INTEGER AS run,
  (count(*) OVER (PARTITION BY n.campaign))::INTEGER AS runs
FROM runs r
JOIN lineage_names n USING (search_key);

-- The best trial of each run, by what the run itself measured and the rule of the view `best`. Only of campaigns that
-- ran twice or more: the best of an only run is that of its campaign. A trial that a run only confirmed is told by its
-- first confirmation.
CREATE OR REPLACE TEMP TABLE run_best AS
WITH judged AS (
  SELECT a.run_id, a.trial_id, a.attempt_id, a.role, a.client, a.started_utc, o.status, o.value
  FROM attempts a
  JOIN numbered_runs r ON r.run_id = a.run_id AND r.runs > 1
  JOIN scores o ON o.attempt_id = a.attempt_id AND o.latest
), searched AS (
  SELECT run_id, trial_id, attempt_id, value AS score
  FROM judged
  WHERE role IN ('search', 'baseline', 'retry') AND status = 'succeeded'
  QUALIFY row_number() OVER (PARTITION BY run_id, trial_id ORDER BY started_utc, attempt_id) = 1
), confirmed AS (
  SELECT run_id, trial_id, round(avg(value), 9) AS score, count(value) AS repeats,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    arg_min(attempt_id, (started_utc, attempt_id)) FILTER (WHERE status = 'succeeded') AS attempt_id
  FROM judged
  WHERE role = 'confirm'
  GROUP BY run_id, trial_id, client
  QUALIFY row_number() OVER (PARTITION BY run_id, trial_id ORDER BY count(value) DESC, count(*) DESC, client) = 1
)
SELECT
  run_id, trial_id, coalesce(s.attempt_id, f.attempt_id) AS attempt_id, coalesce(f.score, s.score) AS score,
  CASE WHEN f.score IS NULL THEN 'search' ELSE 'confirmed' END AS basis
FROM searched s
FULL JOIN confirmed f USING (run_id, trial_id)
JOIN known_trials t USING (trial_id)
WHERE coalesce(f.score, s.score) IS NOT NULL
QUALIFY row_number() OVER (
  PARTITION BY run_id
  ORDER BY f.score IS NULL, CASE WHEN f.score IS NULL THEN 1 ELSE f.failed / (f.repeats + f.failed) END,
    CASE t.goal WHEN 'maximize' THEN -1 ELSE 1 END * coalesce(f.score, s.score), t.number) = 1;
