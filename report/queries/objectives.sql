-- An objective of a campaign: the one that names the best trial first, then the further ones of the file.
-- columns:
--   campaign VARCHAR        name
--   position INTEGER        place of the objective in the campaign, from 0
--   objective VARCHAR       metric, with its statistic
--   objective_at VARCHAR    which level counts
--   goal VARCHAR            maximize or minimize
WITH further AS (
  SELECT campaign, generate_subscripts(listed, 1)::INTEGER AS position, unnest(listed) AS one
  FROM (
    SELECT s.campaign, (c.campaign_json::JSON -> '$.also')::JSON[] AS listed
    FROM shown s JOIN campaigns c USING (campaign_id)
  )
)
SELECT campaign, 0 AS position, objective, objective_at, goal FROM shown
UNION ALL
SELECT campaign, position, one ->> '$.metric', one ->> '$.at', one ->> '$.goal' FROM further
ORDER BY campaign, position
