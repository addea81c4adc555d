-- What the best trial of an entry reached at one level: of every confirming attempt, or of the deciding one where none
-- confirms. Chosen as in the query `runtimes`.
-- columns:
--   campaign VARCHAR        name
--   entry VARCHAR           runtime block
--   number INTEGER          of the trial
--   setting VARCHAR         load generator and host: only rows of one setting are ranked together
--   scenario VARCHAR        token lengths
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   position INTEGER        order of measuring
--   broken BIGINT           attempts that did not measure the level to its end
--   output_throughput DOUBLE[]  in each attempt that did (tok/s)
--   ttft_p99 DOUBLE[]       time to first token (s)
--   tpot_p99 DOUBLE[]       time per output token (s)
WITH chosen AS (
  SELECT * FROM shown_trials WHERE status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY search_key, entry
    ORDER BY confirmed_score IS NULL,
      CASE WHEN confirmed_score IS NULL THEN 1 ELSE confirm_failed / (confirm_repeats + confirm_failed) END,
      CASE goal WHEN 'maximize' THEN -1 ELSE 1 END * coalesce(confirmed_score, score), number) = 1
), used AS (
  SELECT t.campaign, t.entry, t.number, a.attempt_id,
    concat_ws(' ', a.client, 'client', a.client_version, 'on', a.host) AS setting
  FROM attempts a JOIN chosen t USING (trial_id)
  WHERE a.attempt_id = t.attempt_id OR (a.role = 'confirm' AND a.outcome = 'measured')
  QUALIFY a.role = 'confirm' OR count(*) FILTER (WHERE a.role = 'confirm') OVER (PARTITION BY a.trial_id) = 0
)
SELECT
  u.campaign, u.entry, u.number, u.setting, l.scenario, l.load_kind, l.load_value, min(l.position) AS position,
  count(*) FILTER (WHERE l.state <> 'complete') AS broken,
  list(n.output_throughput ORDER BY u.attempt_id)
    FILTER (WHERE l.state = 'complete' AND n.output_throughput IS NOT NULL) AS output_throughput,
  list(n.ttft_p99 ORDER BY u.attempt_id) FILTER (WHERE l.state = 'complete' AND n.ttft_p99 IS NOT NULL) AS ttft_p99,
  list(n.tpot_p99 ORDER BY u.attempt_id) FILTER (WHERE l.state = 'complete' AND n.tpot_p99 IS NOT NULL) AS tpot_p99
FROM used u
JOIN levels l USING (attempt_id)
LEFT JOIN level_numbers n ON n.attempt_id = l.attempt_id AND n.position = l.position
GROUP BY u.campaign, u.entry, u.number, u.setting, l.scenario, l.load_kind, l.load_value
ORDER BY u.campaign, u.entry, u.setting, min(l.position), l.scenario, l.load_kind, l.load_value
