-- The best of a campaign beside what it is measured by: its workload, its gain over the default, what its tokens take.
-- columns:
--   campaign VARCHAR        name
--   model VARCHAR           model, short
--   hardware VARCHAR        CPU, or number and name of the GPUs
--   scenario VARCHAR        token lengths of the workload
--   load_kind VARCHAR       concurrency, or an open loop
--   load_low DOUBLE         lightest load that was measured, in users or requests per second
--   load_high DOUBLE        heaviest one
--   objective VARCHAR       metric, with its statistic
--   number INTEGER          of the best trial; NULL when none succeeded
--   entry VARCHAR           its entry
--   params_json VARCHAR     what the sampler chose for it
--   score DOUBLE            confirmed, or of the search
--   basis VARCHAR           confirmed or search
--   is_default BOOLEAN      the best is the default of its entry
--   entry_b VARCHAR         entry of the default that it is compared with, its own where it can be
--   log_ratio DOUBLE        of the comparison, positive = the best is better
--   low DOUBLE              lower end of its interval
--   high DOUBLE             upper end
--   verdict VARCHAR         of the best against that default
--   cause VARCHAR           why the default of its entry failed, when it did
--   throughput DOUBLE       output tokens per second at the level that gave most, of one deployment
--   load_value DOUBLE       that level
--   gpus INTEGER            of an attempt; 0 on CPU
--   hours DOUBLE            GPU-hours, on CPU machine-hours, that a million output tokens take there
--   price DOUBLE            of a million output tokens there; NULL when the file names no price
--   currency VARCHAR        of the price
--   energy_per_token DOUBLE of the GPUs there, else of the CPU (J/tok); NULL when nothing measures it
--   trials BIGINT           trials of the shown series
--   failed BIGINT           of them failed
WITH counted AS (
  SELECT search_key, count(*) AS trials, count(*) FILTER (WHERE status = 'failed') AS failed
  FROM shown_trials GROUP BY search_key
), workload AS (
  SELECT t.search_key, string_agg(DISTINCT l.scenario, ', ' ORDER BY l.scenario) AS scenario,
    min(l.load_kind) AS load_kind, min(l.load_value) AS load_low, max(l.load_value) AS load_high
  FROM shown_trials t JOIN levels l USING (attempt_id) GROUP BY t.search_key
), fastest AS (
  SELECT b.trial_id, n.attempt_id, n.position, n.output_throughput, l.load_value
  FROM shown_best b
  JOIN shown_trials t USING (trial_id)
  JOIN levels l ON l.attempt_id = t.attempt_id AND l.state = 'complete'
  JOIN level_numbers n ON n.attempt_id = l.attempt_id AND n.position = l.position
  WHERE n.output_throughput > 0
  QUALIFY row_number() OVER (PARTITION BY b.trial_id ORDER BY n.output_throughput DESC, l.position) = 1
), joules AS (
  SELECT f.trial_id, coalesce(max(m.value) FILTER (WHERE m.metric = 'energy_per_token'), max(m.value)) AS energy_per_token
  FROM fastest f JOIN metrics m ON m.attempt_id = f.attempt_id AND m.position = f.position
  WHERE m.metric IN ('energy_per_token', 'cpu_energy_per_token') GROUP BY f.trial_id
), gain AS (
  SELECT m.trial_a, d.entry, m.log_ratio, m.low, m.high, m.verdict
  FROM comparisons m
  JOIN shown_best b ON b.trial_id = m.trial_a
  JOIN shown_trials a ON a.trial_id = m.trial_a
  JOIN shown_trials d ON d.trial_id = m.trial_b AND d.is_default
  WHERE m.latest AND m.purpose = 'confirm' AND m.metric = a.objective
  QUALIFY row_number() OVER (PARTITION BY m.trial_a ORDER BY d.entry <> a.entry, d.number) = 1
), dead AS (
  SELECT search_key, entry, min(cause) AS cause FROM shown_trials WHERE is_default AND status = 'failed' GROUP BY ALL
)
SELECT
  s.campaign, s.model, s.hardware, w.scenario, w.load_kind, w.load_low, w.load_high, s.objective,
  t.number, t.entry, t.params_json, b.score, b.basis, t.is_default, g.entry AS entry_b, g.log_ratio, g.low, g.high,
  g.verdict, d.cause, f.output_throughput AS throughput, f.load_value, c.gpus,
  1e6 / f.output_throughput / 3600 * greatest(c.gpus, 1) AS hours,
  CASE WHEN c.gpus > 0 THEN 1e6 / f.output_throughput / 3600 * c.gpus * c.price_per_gpu_hour END AS price,
  CASE WHEN c.gpus > 0 AND c.price_per_gpu_hour IS NOT NULL THEN c.currency END AS currency,
  j.energy_per_token, coalesce(n.trials, 0) AS trials, coalesce(n.failed, 0) AS failed
FROM shown s
JOIN campaigns c USING (campaign_id)
LEFT JOIN counted n ON n.search_key = s.search_key
LEFT JOIN workload w ON w.search_key = s.search_key
LEFT JOIN shown_best b ON b.search_key = s.search_key
LEFT JOIN shown_trials t ON t.trial_id = b.trial_id
LEFT JOIN fastest f ON f.trial_id = b.trial_id
LEFT JOIN joules j ON j.trial_id = b.trial_id
LEFT JOIN gain g ON g.trial_a = b.trial_id
LEFT JOIN dead d ON d.search_key = s.search_key AND d.entry = t.entry
ORDER BY s.model, s.hardware, w.scenario, s.objective, s.campaign
