-- One of the thirty most severe failures of all campaigns, as the query failures has it.
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
--   objective VARCHAR       metric of the campaign
--   severity DOUBLE         in (0, 1), from phase and cause alone
--   penalty_classic DOUBLE  graded by elapsed time; no unit
--   behind DOUBLE           penalty against the best of its campaign, share of that one; NULL when nothing succeeded
SELECT f.* EXCLUDE (penalty),
  round(CASE s.goal WHEN 'maximize' THEN b.score - f.penalty ELSE f.penalty - b.score END / nullif(abs(b.score), 0), 6)
    AS behind
FROM shown_failures f
JOIN shown s USING (campaign)
LEFT JOIN shown_best b USING (search_key)
ORDER BY severity DESC, campaign, number
LIMIT 30
