-- A run that measured something, of a campaign whose file says `every`; the latest of each campaign first.
-- columns:
--   campaign VARCHAR        name
--   every_seconds DOUBLE    how often it is due again (s)
--   started_utc TIMESTAMP   when the run began
--   ended_utc TIMESTAMP     when it ended; NULL while it runs, or when it was killed
--   end_reason VARCHAR      why it ended
--   trials INTEGER          trials of the series when it ended
--   trials_planned INTEGER  trials it meant to reach
SELECT s.campaign, c.every_seconds, r.started_utc, r.ended_utc, r.end_reason, r.trials, r.trials_planned
FROM shown s
JOIN campaigns c USING (campaign_id)
JOIN runs r ON r.search_key = s.search_key
WHERE c.every_seconds IS NOT NULL AND r.run_id IN (SELECT run_id FROM attempts)
ORDER BY s.campaign, r.started_utc DESC, r.run_id DESC
