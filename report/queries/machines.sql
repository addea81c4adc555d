-- A host name, in order of first appearance: gives each host its alias. Never shown itself.
-- columns:
--   host VARCHAR            name of the machine
SELECT host
FROM (
  SELECT host, started_utc FROM attempts
  UNION ALL SELECT host, started_utc FROM runs
  UNION ALL SELECT host, NULL FROM hosts
)
GROUP BY host
ORDER BY min(started_utc) NULLS LAST, host
