-- Where the machine time of the shown series of a campaign went: one row per phase.
-- Rounded, since a sum of floats differs in its last digit with the order in which threads add it up.
-- columns:
--   campaign VARCHAR        name
--   phase VARCHAR           phase
--   attempts BIGINT         attempts that were in it
--   seconds DOUBLE          wall time in it (s)
--   seconds_failed DOUBLE   of that in attempts that were not measured to their end
--   share DOUBLE            of the time of all phases
SELECT
  s.campaign, p.phase, count(DISTINCT a.attempt_id) AS attempts, round(sum(p.seconds), 3) AS seconds,
  round(coalesce(sum(p.seconds) FILTER (WHERE a.outcome <> 'measured'), 0), 3) AS seconds_failed,
  round(sum(p.seconds) / nullif(sum(sum(p.seconds)) OVER (PARTITION BY s.campaign), 0), 6) AS share
FROM phases p
JOIN attempts a USING (attempt_id)
JOIN shown s ON s.search_key = a.search_key AND s.series = a.series
GROUP BY s.campaign, p.phase
HAVING sum(p.seconds) >= 0.05
ORDER BY s.campaign, seconds DESC, p.phase
