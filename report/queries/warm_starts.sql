-- A trial of the latest series that was a warm start: deployed because it was among the best of another campaign.
-- columns:
--   campaign VARCHAR     name
--   number INTEGER       the trial
--   name VARCHAR         campaign that it is from
--   from_number INTEGER  of the trial there
--   metric VARCHAR       that it was good in there
--   gain DOUBLE          of that metric, over its entry's default there, less 1; NULL when not known
--   model VARCHAR        whose trial it was; NULL when it was this campaign's model
WITH taken AS (
  SELECT DISTINCT search_key, series, unnest(CAST(warm_start_json AS JSON[])) AS warm FROM runs
)
SELECT
  n.campaign, t.number, k.warm ->> 'campaign' AS name, CAST(k.warm ->> 'number' AS INTEGER) AS from_number,
  k.warm ->> 'metric' AS metric, CAST(k.warm ->> 'gain' AS DOUBLE) AS gain, k.warm ->> 'model' AS model
FROM taken k
JOIN shown_trials t
  ON t.search_key = k.search_key AND t.series = k.series AND t.fingerprint = k.warm ->> 'fingerprint'
JOIN lineage_names n ON n.search_key = k.search_key
WHERE NOT t.is_default
ORDER BY n.campaign, t.number
