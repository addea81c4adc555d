-- Where the time of the shown series of a campaign went: seconds per phase and outcome.
-- columns:
--   campaign VARCHAR        name
--   phase VARCHAR           phase
--   outcome VARCHAR         of the attempts: measured, failed, infra, interrupted
--   attempts BIGINT         how many
--   seconds DOUBLE          wall time (s)
SELECT s.campaign, p.phase, a.outcome, count(DISTINCT a.attempt_id) AS attempts, sum(p.seconds) AS seconds
FROM phases p
JOIN attempts a USING (attempt_id)
JOIN shown s ON s.search_key = a.search_key AND s.series = a.series
GROUP BY ALL
ORDER BY s.campaign, p.phase, a.outcome
