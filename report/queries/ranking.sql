-- What the default and the best trial of an entry reached at one level: the objective's metric, of every confirming
-- attempt, or of the deciding one where none confirms. A trial that measured no level has one row without a level.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   is_default BOOLEAN      the default of its entry
--   is_best BOOLEAN         the campaign's best trial
--   status VARCHAR          of the trial
--   cause VARCHAR           of its failure
--   setting VARCHAR         load generator and host: only rows of one setting are ranked together
--   scenario VARCHAR        token lengths
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   position INTEGER        order of measuring
--   objective VARCHAR       metric of the ranking, with its statistic
--   goal VARCHAR            maximize or minimize
--   samples DOUBLE[]        its value in each attempt that measured the level to its end
WITH chosen AS (
  SELECT t.*, b.trial_id IS NOT NULL AS is_best
  FROM shown_trials t LEFT JOIN shown_best b USING (trial_id)
  QUALIFY t.is_default OR (t.status = 'succeeded' AND row_number() OVER (
    PARTITION BY t.search_key, t.entry, t.status
    ORDER BY b.trial_id IS NULL, CASE t.goal WHEN 'maximize' THEN -t.score ELSE t.score END, t.number) = 1)
), used AS (
  SELECT a.trial_id, a.attempt_id,
    concat_ws(' ', a.client, 'client', a.client_version, 'on', a.host) AS setting
  FROM attempts a JOIN chosen t USING (trial_id)
  WHERE a.attempt_id = t.attempt_id OR (a.role = 'confirm' AND a.outcome = 'measured')
  QUALIFY a.role = 'confirm' OR count(*) FILTER (WHERE a.role = 'confirm') OVER (PARTITION BY a.trial_id) = 0
), measured AS (
  SELECT u.trial_id, u.setting, l.scenario, l.load_kind, l.load_value, l.position, t.objective,
    list(m.value ORDER BY u.attempt_id) FILTER (WHERE l.state = 'complete' AND m.value IS NOT NULL) AS samples
  FROM used u
  JOIN chosen t USING (trial_id)
  JOIN levels l ON l.attempt_id = u.attempt_id
  LEFT JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position
    AND m.metric || CASE m.stat WHEN 'value' THEN '' ELSE '_' || m.stat END = t.objective
  GROUP BY ALL
)
SELECT
  c.campaign, c.number, c.entry, c.params_json, c.is_default, c.is_best, c.status, c.cause, m.setting,
  m.scenario, m.load_kind, m.load_value, m.position, c.objective, c.goal, m.samples
FROM chosen c
LEFT JOIN measured m USING (trial_id)
ORDER BY c.campaign, c.entry, NOT c.is_default, c.number, m.setting, m.position
