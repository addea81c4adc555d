-- A version of a campaign file that was run: which lineage it belongs to and what came of it.
-- columns:
--   campaign VARCHAR        name
--   version_sha256 VARCHAR  hash of the resolved file
--   search_key VARCHAR      lineage
--   is_shown BOOLEAN        the lineage that the campaign's page speaks of
--   first_run_utc TIMESTAMP start of its first run
--   last_run_utc TIMESTAMP  start of its latest run
--   trials BIGINT           trials of the lineage, all series
--   succeeded BIGINT        of them with a score
SELECT
  n.campaign, c.version_sha256, c.search_key, s.search_key IS NOT NULL AS is_shown, c.first_run_utc, c.last_run_utc,
  count(t.trial_id) AS trials, count(t.trial_id) FILTER (WHERE t.status = 'succeeded') AS succeeded
FROM campaigns c
JOIN lineage_names n USING (search_key)
LEFT JOIN shown s USING (search_key)
LEFT JOIN known_trials t USING (search_key)
GROUP BY ALL
ORDER BY n.campaign, c.first_run_utc DESC, c.version_sha256
