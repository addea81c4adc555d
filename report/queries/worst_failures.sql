-- One of the hundred most severe failures of all campaigns, as the query failures has it.
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
FROM shown_failures
ORDER BY severity DESC, campaign, number
LIMIT 100
