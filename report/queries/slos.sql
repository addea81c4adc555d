-- An SLO at a level of the best trial of a campaign, under the rules in force.
-- columns:
--   campaign VARCHAR        name
--   slo VARCHAR             name of the SLO
--   metric VARCHAR          what it limits, with its statistic
--   hard BOOLEAN            a miss is a failure
--   position INTEGER        order of measuring
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   limit_value DOUBLE      in the metric's unit
--   value DOUBLE            measured
--   verdict VARCHAR         met, missed_soft, missed_hard, unmeasured
WITH limited AS (
  SELECT DISTINCT rules_id, one.name AS slo, one.metric
  FROM (
    SELECT rules_id, unnest(from_json(rules_json::JSON -> 'slos', '[{"name": "VARCHAR", "metric": "VARCHAR"}]')) AS one
    FROM rules WHERE latest
  )
  UNION
  SELECT rules_id, 'attainment', 'attainment' FROM rules -- stands for the limits of single requests where it is asked for
)
SELECT
  t.campaign, v.slo, m.metric, v.hard, v.position, l.load_kind, l.load_value, v.limit_value, v.value, v.verdict
FROM slo_verdicts v
JOIN shown_trials t USING (attempt_id)
JOIN shown_best b USING (trial_id)
JOIN levels l USING (attempt_id, position)
JOIN limited m ON m.rules_id = v.rules_id AND m.slo = v.slo
WHERE v.latest
ORDER BY t.campaign, v.slo, min(v.position) OVER (PARTITION BY t.campaign, v.slo, l.scenario), l.load_value
