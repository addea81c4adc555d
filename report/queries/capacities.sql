-- A level of the attempt that looked for the highest load that the best trial of a campaign holds: of the newest one
-- that was made for that alone, else of the trial's own where its load was searched.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          of the trial
--   role VARCHAR            why the attempt ran
--   scenario VARCHAR        token lengths
--   position INTEGER        order of measuring
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   state VARCHAR           complete, degraded, failed
--   sent INTEGER            requests sent
--   ok INTEGER              answered in full
--   attainment DOUBLE       share of them that met every limit, each by itself
--   attainment_low DOUBLE   lower end of its 95 % interval
--   attainment_high DOUBLE  upper end
--   goodput DOUBLE          of those, per second
--   held BOOLEAN            the load is not above the highest one that held
--   capacity_low DOUBLE     highest load of the scenario that held
--   capacity_high DOUBLE    lowest that missed
--   target DOUBLE           attainment that was asked for
--   started_utc TIMESTAMP   when the attempt began
WITH counted AS (
  SELECT attempt_id, position,
    max(value) FILTER (WHERE metric = 'attainment') AS attainment,
    max(value) FILTER (WHERE metric = 'attainment_low') AS attainment_low,
    max(value) FILTER (WHERE metric = 'attainment_high') AS attainment_high,
    max(value) FILTER (WHERE metric = 'goodput') AS goodput,
    max(value) FILTER (WHERE metric = 'capacity_low') AS capacity_low,
    max(value) FILTER (WHERE metric = 'capacity_high') AS capacity_high,
    max(value) FILTER (WHERE metric = 'attainment_target') AS target
  FROM metrics
  WHERE metric IN ('attainment', 'attainment_low', 'attainment_high', 'goodput', 'capacity_low', 'capacity_high',
    'attainment_target')
  GROUP BY attempt_id, position
), chosen AS (
  SELECT t.campaign, t.number, a.role, a.attempt_id, a.started_utc
  FROM shown_trials t
  JOIN shown_best b USING (trial_id)
  JOIN attempts a ON a.trial_id = t.trial_id AND (a.role = 'capacity' OR a.attempt_id = t.attempt_id)
  WHERE a.attempt_id IN (SELECT attempt_id FROM counted WHERE target IS NOT NULL)
  QUALIFY row_number() OVER (PARTITION BY t.trial_id ORDER BY a.role <> 'capacity', a.started_utc DESC, a.attempt_id) = 1
), told AS (
  SELECT
    c.campaign, c.number, c.role, l.scenario, l.position, l.load_kind, l.load_value, l.state, l.sent, l.ok,
    n.attainment, n.attainment_low, n.attainment_high, n.goodput,
    max(n.capacity_low) OVER one AS capacity_low, max(n.capacity_high) OVER one AS capacity_high,
    max(n.target) OVER one AS target, c.started_utc
  FROM chosen c
  JOIN levels l USING (attempt_id)
  LEFT JOIN counted n USING (attempt_id, position)
  WHERE l.state <> 'not_reached'
  WINDOW one AS (PARTITION BY c.campaign, l.scenario)
)
SELECT
  campaign, number, role, scenario, position, load_kind, load_value, state, sent, ok, attainment, attainment_low,
  attainment_high, goodput, coalesce(load_value <= capacity_low, false) AS held, capacity_low, capacity_high, target,
  started_utc
FROM told
ORDER BY campaign, min(position) OVER (PARTITION BY campaign, scenario), load_value
