-- The failed trials of all campaigns that died of one cause in one phase.
-- columns:
--   cause VARCHAR           why
--   phase VARCHAR           where
--   trials BIGINT           how many
--   seconds_lost DOUBLE     wall time of their attempts (s)
--   severity DOUBLE         of the most severe
--   evidence VARCHAR        of that one: line that proves it
--   campaigns BIGINT        that they are of
--   campaign_names VARCHAR[] the first of these by the alphabet
SELECT
  cause, phase, count(*) AS trials, round(sum(seconds_lost), 3) AS seconds_lost, max(severity) AS severity,
  first(evidence ORDER BY severity DESC, campaign, number) AS evidence, count(DISTINCT campaign) AS campaigns,
  list_sort(list(DISTINCT campaign))[:5] AS campaign_names
FROM shown_failures
GROUP BY cause, phase
ORDER BY cause, phase
