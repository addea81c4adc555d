-- What attempts died of in the seven days before the newest fact: one row per phase and cause, the most first.
-- columns:
--   phase VARCHAR           where
--   cause VARCHAR           why
--   attempts BIGINT         so many
--   campaigns BIGINT        of so many campaigns
--   seconds DOUBLE          wall time lost (s)
SELECT a.phase, a.cause, count(*) AS attempts, count(DISTINCT a.search_key) AS campaigns, round(sum(a.seconds), 3) AS seconds
FROM attempts a, newest
WHERE a.outcome <> 'measured' AND a.ended_utc > as_of - INTERVAL 7 DAYS
GROUP BY a.phase, a.cause
ORDER BY attempts DESC, a.phase, a.cause
