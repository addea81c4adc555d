-- A configuration that the pre-check refused in the shown series of a campaign.
-- columns:
--   campaign VARCHAR        name
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler had chosen
--   rule VARCHAR            rule that said no
--   reason VARCHAR          with the numbers
SELECT s.campaign, r.entry, r.params_json, r.rule, r.reason
FROM rejections r
JOIN shown s ON s.search_key = r.search_key AND s.series = r.series
ORDER BY s.campaign, r.rule, r.entry, r.params_json
