-- Why a number of the shown series of a campaign may not be what it seems, as its attempt said it.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   role VARCHAR            why the attempt ran
--   repeat INTEGER          round of a confirm attempt, from 1
--   message VARCHAR         level, and what was seen there
--   is_best BOOLEAN         the trial is the best of its campaign
SELECT s.campaign, a.number, a.entry, a.role, a.repeat, unnest(a.warnings) AS message, b.trial_id IS NOT NULL AS is_best
FROM attempts a
JOIN shown s ON s.search_key = a.search_key AND s.series = a.series
LEFT JOIN shown_best b ON b.trial_id = a.trial_id
ORDER BY ALL
