-- A run of a campaign, the latest first.
-- columns:
--   campaign VARCHAR        name
--   run_id VARCHAR          id
--   series INTEGER          repetition of the lineage
--   host VARCHAR            driver's host
--   git_commit VARCHAR      commit of the project folder
--   tunebook_version VARCHAR version
--   seed BIGINT             in effect
--   started_utc TIMESTAMP   when it began
--   ended_utc TIMESTAMP     when it ended; NULL while it runs, or when it was killed
--   seconds DOUBLE          wall time (s)
--   end_reason VARCHAR      why it ended
--   message VARCHAR         detail
--   trials INTEGER          trials of the series when it ended, earlier runs included
--   succeeded INTEGER       of them with a score
--   failed INTEGER          of them failed
SELECT
  n.campaign, run_id, series, host, git_commit, tunebook_version, seed, started_utc, ended_utc, seconds, end_reason,
  message, trials, succeeded, failed
FROM runs
JOIN lineage_names n USING (search_key)
ORDER BY started_utc DESC, run_id DESC
