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
SELECT
  t.campaign, t.number, t.entry, t.params_json, t.is_default, o.number AS position, o.objective, o.objective_at, o.goal,
  o.value, o.objective_value, f.on_front
FROM shown_trials t
JOIN objectives o ON o.attempt_id = t.attempt_id AND o.latest
JOIN fronts f ON f.trial_id = t.trial_id
ORDER BY t.campaign, t.number, o.number
