-- What changed in the seven days before the newest fact, the latest first: a campaign that ran for the first time, the
-- verdict about a best trial, the outcome of a gate, a withdrawn result.
-- columns:
--   campaign_name VARCHAR   campaign
--   moment TIMESTAMP        when (UTC)
--   kind VARCHAR            new, verdict, gate or withdrawn
--   number INTEGER          trial it is about
--   number_b INTEGER        trial it was compared with; NULL when a gate's baseline came from elsewhere
--   default_b BOOLEAN       that is the default of its entry
--   entry_b VARCHAR         its entry
--   verdict VARCHAR         of the comparison
--   log_ratio DOUBLE        positive = better
--   low DOUBLE              lower end of its interval
--   high DOUBLE             upper end
--   reason VARCHAR          why it was withdrawn
WITH week AS (SELECT as_of - INTERVAL 7 DAYS AS begin_utc FROM newest),
changed AS (
  SELECT s.campaign, min(r.started_utc) AS moment, 'new' AS kind, NULL::INTEGER AS number, NULL::INTEGER AS number_b,
    NULL::BOOLEAN AS default_b, NULL AS entry_b, NULL AS verdict, NULL::DOUBLE AS log_ratio, NULL::DOUBLE AS low,
    NULL::DOUBLE AS high, NULL AS reason
  FROM shown s JOIN runs r USING (search_key) GROUP BY s.campaign
  UNION ALL
  SELECT n.campaign, m.compared_utc, CASE m.purpose WHEN 'confirm' THEN 'verdict' ELSE m.purpose END, a.number, b.number,
    b.is_default, b.entry, m.verdict, m.log_ratio, m.low, m.high, NULL
  FROM comparisons m
  JOIN lineage_names n ON n.search_key = m.search_key
  LEFT JOIN known_trials a ON a.trial_id = m.trial_a
  LEFT JOIN known_trials b ON b.trial_id = m.trial_b
  LEFT JOIN shown_best e ON e.trial_id = m.trial_a
  WHERE m.latest AND m.metric = coalesce(a.objective, m.metric)
    AND (m.purpose = 'gate' OR (m.purpose = 'confirm' AND e.trial_id IS NOT NULL AND b.is_default))
  UNION ALL
  SELECT n.campaign, r.retracted_utc, 'withdrawn', r.number, NULL, NULL, NULL, NULL, NULL, NULL, NULL, r.reason
  FROM retractions r JOIN lineage_names n USING (search_key)
)
SELECT
  campaign AS campaign_name, moment, kind, number, number_b, default_b, entry_b, verdict, log_ratio, low, high, reason
FROM changed, week
WHERE moment > begin_utc
ORDER BY moment DESC, campaign, kind, number, number_b, reason
