-- A trial of the latest series that was a warm start: deployed because it was among the best of another campaign.
-- columns:
--   campaign VARCHAR   name
--   number INTEGER     the trial
--   reason VARCHAR     where it is from: trial, campaign, its gain over the default there
WITH taken AS (
  SELECT DISTINCT search_key, series, unnest(CAST(warm_start_json AS JSON[])) AS warm FROM runs
)
SELECT
  n.campaign, t.number,
  'trial ' || (k.warm ->> 'number') || ' of ' || (k.warm ->> 'campaign')
    || coalesce(printf(', %+.0f %% ', 100 * CAST(k.warm ->> 'gain' AS DOUBLE)) || (k.warm ->> 'metric') || ' there', '')
    || coalesce(', with ' || (k.warm ->> 'model'), '') AS reason
FROM taken k
JOIN shown_trials t
  ON t.search_key = k.search_key AND t.series = k.series AND t.fingerprint = k.warm ->> 'fingerprint'
JOIN lineage_names n ON n.search_key = k.search_key
WHERE NOT t.is_default
ORDER BY n.campaign, t.number
