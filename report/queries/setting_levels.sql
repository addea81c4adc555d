-- A level as the query measured_levels has it, of the first six settings, about a thousand of each: the front, the first
-- one that each cause failed after, the levels of the best trials while they are few; of the others, in the order of
-- their waiting, one for each bin of the same size, of a best trial where it has one. `stands_for` counts its bin.
-- columns:
--   campaign_name VARCHAR   campaign
--   setting VARCHAR         model, hardware, token lengths, load generator and machine
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   ttft_p50 DOUBLE         time to first token (s)
--   output_throughput DOUBLE tokens per second
--   status VARCHAR          of the trial: a failed one may have measured lighter levels
--   campaign_absent BIGINT  failed trials of the campaign without any level here
--   stands_for BIGINT       levels, with this one
--   all_trials BIGINT       trials of the setting with a level
--   all_absent BIGINT       failed trials of its campaigns without any
WITH settings AS (
  SELECT setting, row_number() OVER (ORDER BY setting) AS place, count(*) AS levels,
    count(*) FILTER (WHERE is_best) AS best_levels, count(DISTINCT hash(campaign_name, number)) AS all_trials
  FROM shown_levels GROUP BY setting QUALIFY place <= 6
), absent AS (
  SELECT setting, sum(campaign_absent)::BIGINT AS all_absent
  FROM (SELECT DISTINCT setting, campaign_name, campaign_absent FROM shown_levels) GROUP BY setting
), waiting AS MATERIALIZED ( -- in the order of their waiting; a level is on the front of its entry when none before it does more
  SELECT l.*, s.place, s.levels, s.best_levels, s.all_trials, l.status = 'succeeded' AS ok, row_number() OVER w AS nth,
    l.status = 'succeeded' AND coalesce(l.output_throughput > max(l.output_throughput) OVER (
      e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS on_front
  FROM shown_levels l JOIN settings s USING (setting)
  WINDOW w AS (PARTITION BY s.place, l.status = 'succeeded'
    ORDER BY l.ttft_p50, l.output_throughput DESC, l.campaign_name, l.number, l.position),
  e AS (PARTITION BY s.place, l.entry, l.status = 'succeeded'
    ORDER BY l.ttft_p50, l.output_throughput DESC, l.campaign_name, l.number, l.position)
), first_of_cause AS (
  SELECT place, min(nth) AS nth FROM waiting WHERE NOT ok GROUP BY place, cause
), told AS (
  SELECT w.*, w.levels <= 1000 OR w.on_front OR (w.is_best AND w.best_levels <= 300) OR f.nth IS NOT NULL AS named,
    (w.nth - 1) * 600 // w.levels AS bin
  FROM waiting w LEFT JOIN first_of_cause f ON f.place = w.place AND f.nth = w.nth AND NOT w.ok
), bins AS (
  SELECT place, ok, arg_min(nth, CASE WHEN is_best THEN nth ELSE nth + levels END) AS nth, count(*) AS of_bin
  FROM told WHERE NOT named GROUP BY place, ok, bin
)
SELECT
  t.campaign_name, t.setting, t.number, t.entry, t.params_json, t.load_kind, t.load_value, t.ttft_p50,
  t.output_throughput, t.status, t.campaign_absent, CASE WHEN t.named THEN 1 ELSE b.of_bin END AS stands_for,
  t.all_trials, a.all_absent
FROM told t
JOIN absent a USING (setting)
LEFT JOIN bins b ON b.place = t.place AND b.ok = t.ok AND b.nth = t.nth
WHERE t.named OR b.nth IS NOT NULL
ORDER BY t.setting, t.campaign_name, t.number, t.position
