-- A judged trial of one of the dozen entries with most failed trials, of those with trials enough to ask what decides
-- over failing: what `report.feasible` draws its maps of, and no more of fifty thousand trials than that.
-- columns:
--   campaign VARCHAR        name
--   entry VARCHAR           runtime block
--   number INTEGER          order of proposal, from 0
--   params_json VARCHAR     what the sampler chose
--   status VARCHAR          succeeded or failed
--   score DOUBLE            NULL without success
WITH most AS (
  SELECT campaign, entry, count(*) FILTER (WHERE status = 'failed') AS failed
  FROM shown_trials
  WHERE status <> 'unmeasured'
  GROUP BY campaign, entry
  HAVING count(*) >= 20 AND least(failed, count(*) - failed) >= 5
  ORDER BY failed DESC, campaign, entry
  LIMIT 12
)
SELECT t.campaign, t.entry, t.number, t.params_json, t.status, t.score
FROM shown_trials t
SEMI JOIN most USING (campaign, entry)
WHERE t.status <> 'unmeasured'
ORDER BY t.campaign, t.entry, t.number
