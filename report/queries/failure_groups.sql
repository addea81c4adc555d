-- The failed trials of a campaign that died of one cause in one phase.
-- columns:
--   campaign VARCHAR        name
--   cause VARCHAR           why
--   phase VARCHAR           where
--   trials BIGINT           how many
--   seconds_lost DOUBLE     wall time of their attempts (s)
SELECT campaign, cause, phase, count(*) AS trials, round(sum(seconds_lost), 3) AS seconds_lost
FROM shown_failures
GROUP BY campaign, cause, phase
ORDER BY campaign, cause, phase
