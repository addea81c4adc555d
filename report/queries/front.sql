-- A trial of a campaign with several objectives, once for each objective.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          trial
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   is_default BOOLEAN      the fixed flags of its entry and nothing else
--   position INTEGER        place of the objective in the campaign, from 0
--   objective VARCHAR       metric, with its statistic
--   objective_at VARCHAR    which level counts
--   goal VARCHAR            maximize or minimize
--   value DOUBLE            made worse by missed soft SLOs
--   objective_value DOUBLE  as measured
--   on_front BOOLEAN        no trial is at least as good in all objectives and better in one
WITH valued AS (
  SELECT t.campaign, t.number, t.entry, t.params_json, t.is_default, t.search_key, t.trial_id, o.number AS position,
    o.objective, o.objective_at, o.goal, o.value, o.objective_value,
    CASE o.goal WHEN 'maximize' THEN o.value ELSE -o.value END AS gain
  FROM shown_trials t
  JOIN objectives o ON o.attempt_id = t.attempt_id AND o.latest
  WHERE t.status = 'succeeded'
), beaten AS ( -- the rule of the view `fronts`, which would find every trial anew
  SELECT DISTINCT trial_id FROM (
    SELECT a.trial_id, b.trial_id AS better
    FROM valued a JOIN valued b USING (search_key, position)
    GROUP BY ALL
    HAVING bool_and(b.gain >= a.gain) AND bool_or(b.gain > a.gain)
  )
)
SELECT
  v.campaign, v.number, v.entry, v.params_json, v.is_default, v.position, v.objective, v.objective_at, v.goal, v.value,
  v.objective_value, b.trial_id IS NULL AS on_front
FROM valued v LEFT JOIN beaten b USING (trial_id)
ORDER BY v.campaign, v.number, v.position
