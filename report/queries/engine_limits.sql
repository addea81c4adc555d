-- A rule that refused configurations of an engine, or a cause that its trials died of, over the shown series of all
-- campaigns.
-- columns:
--   runtime VARCHAR         inference engine
--   kind VARCHAR            rejection or failure
--   rule VARCHAR            rule that said no, or cause of the failure
--   times BIGINT            configurations refused, or trials that failed
--   campaigns BIGINT        in which that happened
--   tried BIGINT            campaigns that tried the engine
--   engines BIGINT          engines that this happened to
--   evidence VARCHAR        reason or last line of one of them
WITH happened AS (
  SELECT s.campaign, r.runtime, 'rejection' AS kind, r.rule, r.reason AS evidence
  FROM rejections r JOIN shown s ON s.search_key = r.search_key AND s.series = r.series
  UNION ALL
  SELECT campaign, runtime, 'failure', cause, evidence FROM shown_trials WHERE status = 'failed'
), asked AS (
  SELECT runtime, count(DISTINCT campaign) AS tried FROM (
    SELECT campaign, runtime FROM shown_trials UNION ALL SELECT campaign, runtime FROM happened
  ) GROUP BY runtime
)
SELECT
  h.runtime, h.kind, h.rule, count(*) AS times, count(DISTINCT h.campaign) AS campaigns, min(a.tried) AS tried,
  count(*) OVER (PARTITION BY h.kind, h.rule) AS engines, min(h.evidence) AS evidence
FROM happened h JOIN asked a USING (runtime)
GROUP BY h.runtime, h.kind, h.rule
ORDER BY h.runtime, h.kind DESC, times DESC, h.rule
