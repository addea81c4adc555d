-- What a gate said of a trial against its baseline: the latest of each pair.
-- columns:
--   campaign_name VARCHAR   campaign
--   moment TIMESTAMP        when (UTC)
--   comparison_id VARCHAR   id of the record
--   number INTEGER          trial; NULL when only the gate has measured it
--   entry VARCHAR           its entry
--   verdict VARCHAR         better, worse, tie, inconclusive, incomparable
--   log_ratio DOUBLE        positive = better
--   low DOUBLE              lower end of its interval
--   high DOUBLE             upper end
--   metric VARCHAR          compared
--   repeats INTEGER         of each
--   confidence DOUBLE       of the interval
SELECT
  n.campaign AS campaign_name, m.compared_utc AS moment, m.comparison_id, coalesce(a.number, b.number) AS number,
  coalesce(a.entry, b.entry) AS entry, m.verdict, m.log_ratio,
  m.low, m.high, m.metric, m.repeats, m.confidence
FROM comparisons m
LEFT JOIN known_trials a ON a.trial_id = m.trial_a
LEFT JOIN known_trials b ON b.trial_id = m.trial_b
JOIN lineage_names n ON n.search_key = m.search_key
WHERE m.latest AND m.purpose = 'gate'
ORDER BY moment DESC, campaign_name, number, m.metric, m.comparison_id
