-- Attempts of a campaign's shown series that no configuration is to blame for.
-- columns:
--   campaign VARCHAR        name
--   outcome VARCHAR         infra or interrupted
--   cause VARCHAR           of the fault
--   number INTEGER          of the trial
--   evidence VARCHAR        line that proves it
--   hint VARCHAR            what to do about it
SELECT s.campaign, f.outcome, f.cause, f.number, f.evidence, f.hint
FROM failures f
JOIN shown s ON s.search_key = f.search_key AND s.series = f.series
WHERE f.outcome IN ('infra', 'interrupted') AND f.role <> 'audit'
ORDER BY ALL
