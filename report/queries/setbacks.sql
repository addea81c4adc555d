-- Attempts of a campaign's shown series that no configuration is to blame for, or that were withdrawn.
-- columns:
--   campaign VARCHAR        name
--   outcome VARCHAR         infra, interrupted, or retracted
--   cause VARCHAR           of the fault
--   number INTEGER          of the trial
--   evidence VARCHAR        line that proves it, or the reason of the retraction
--   hint VARCHAR            what to do about it
SELECT s.campaign, f.outcome, f.cause, f.number, f.evidence, f.hint
FROM failures f
JOIN shown s ON s.search_key = f.search_key AND s.series = f.series
WHERE f.outcome IN ('infra', 'interrupted')
UNION ALL
SELECT u.name, 'retracted', NULL, t.number, r.reason, NULL
FROM retractions r
JOIN runs u USING (run_id)
LEFT JOIN known_trials t USING (trial_id)
ORDER BY ALL
