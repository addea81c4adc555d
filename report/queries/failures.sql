-- A failed trial of the shown series of a campaign: what it died of, how far it had come, what it cost.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   phase VARCHAR           where it failed
--   cause VARCHAR           why
--   evidence VARCHAR        line that proves it
--   rule VARCHAR            signature that matched
--   hint VARCHAR            what to do about it
--   hung BOOLEAN            a deadline or the watchdog ended it
--   exit_code INTEGER       of the engine
--   signal VARCHAR          that ended the engine
--   levels_done BIGINT      levels that were complete by then
--   seconds_lost DOUBLE     wall time of the attempt (s)
--   gpu_seconds_lost DOUBLE wall time x GPUs (s)
--   objective VARCHAR       metric whose unit the penalty has
--   severity DOUBLE         in (0, 1), from phase and cause alone
--   penalty DOUBLE          in the objective's unit; NULL when nothing succeeded
--   penalty_classic DOUBLE  graded by elapsed time; no unit
SELECT
  t.campaign, t.number, t.entry, t.params_json, t.phase, t.cause, t.evidence, f.rule, t.hint, coalesce(t.hung, false) AS hung,
  f.exit_code, f.signal, coalesce(f.levels_done, 0) AS levels_done, t.seconds AS seconds_lost,
  t.gpu_seconds AS gpu_seconds_lost, t.objective, t.severity, t.penalty, t.penalty_classic::DOUBLE AS penalty_classic
FROM shown_trials t
LEFT JOIN failures f USING (attempt_id)
WHERE t.status = 'failed'
ORDER BY t.severity DESC, t.campaign, t.number
