-- What measuring itself took, of everything that a campaign's name ever ran: search, repeats, gates, failures.
-- columns:
--   campaign_name VARCHAR   campaign
--   gpus INTEGER            of an attempt; 0 on CPU
--   attempts BIGINT         deployments
--   hours DOUBLE            GPU-hours, on CPU machine-hours
--   hours_lost DOUBLE       of them in attempts that were not measured to their end
--   price DOUBLE            of all; NULL when the file names no price
--   currency VARCHAR        of the price
SELECT
  n.campaign AS campaign_name, c.gpus, count(*) AS attempts,
  round(sum(CASE WHEN c.gpus > 0 THEN k.gpu_seconds ELSE k.seconds END) / 3600, 6) AS hours,
  round(coalesce(sum(CASE WHEN c.gpus > 0 THEN k.gpu_seconds ELSE k.seconds END)
    FILTER (WHERE k.outcome <> 'measured'), 0) / 3600, 6) AS hours_lost,
  round(sum(k.price), 6) AS price, k.currency
FROM cost k
JOIN campaigns c USING (campaign_id)
JOIN lineage_names n ON n.search_key = c.search_key
GROUP BY n.campaign, c.gpus, k.currency
ORDER BY hours DESC, n.campaign, c.gpus, k.currency
