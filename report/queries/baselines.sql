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
SELECT b.campaign, b.entry, t.number, b.status, t.objective, b.score, b.basis, t.cause
FROM baselines b
JOIN shown s ON s.search_key = b.search_key AND s.series = b.series
JOIN shown_trials t USING (trial_id)
ORDER BY b.campaign, t.number
