-- The default configuration of an entry in the shown series of a campaign.
-- columns:
--   campaign VARCHAR        name
--   entry VARCHAR           runtime block
--   number INTEGER          of the trial
--   status VARCHAR          succeeded, failed, unmeasured
--   objective VARCHAR       metric of the score
--   score DOUBLE            confirmed or search score; NULL when it failed
--   basis VARCHAR           confirmed or search
--   cause VARCHAR           of its failure
SELECT campaign, entry, number, status, objective, coalesce(confirmed_score, score) AS score,
  CASE WHEN confirmed_score IS NULL THEN 'search' ELSE 'confirmed' END AS basis, cause
FROM shown_trials
WHERE is_default
ORDER BY campaign, number
