-- What other limits would have made of the trials of a campaign, one row per campaign: its rules without their SLOs, and
-- for every trial that SLOs decide over what the search measured of it. JSON, since the browser computes with it.
-- columns:
--   campaign VARCHAR        name
--   objective VARCHAR       metric that names the best trial
--   objective_at VARCHAR    which level counts
--   goal VARCHAR            maximize or minimize
--   limits_json VARCHAR     [[metric, a minimum?, tightest limit of the campaign, tightest hard one], ...]
--   declared_json VARCHAR   levels of the campaign, [[position, scenario, kind, load], ...]; none where the load is searched
--   levels_json VARCHAR     [[trial, [[position, scenario, kind, load, counts?, objective, limited metrics...], ...]], ...]
WITH ruled AS (
  SELECT s.campaign, s.search_key, r.objective, r.objective_at, r.goal, r.rules_json::JSON AS stated,
    (r.rules_json::JSON ->> '$.min_success_rate')::DOUBLE AS needed
  FROM shown s JOIN rules r ON r.search_key = s.search_key AND r.latest
), declared AS (
  SELECT search_key, one.position, one.scenario, one.load_kind, one.load_value
  FROM (
    SELECT search_key, unnest(from_json(stated -> '$.levels',
      '[{"position": "INTEGER", "scenario": "VARCHAR", "load_kind": "VARCHAR", "load_value": "DOUBLE"}]')) AS one
    FROM ruled
  )
), limited AS (
  SELECT search_key, one.metric AS metric, one.maximum IS NULL AS least, coalesce(one.maximum, one.minimum) AS bound, one.hard AS hard
  FROM (
    SELECT search_key, unnest(from_json(stated -> '$.slos',
      '[{"metric": "VARCHAR", "maximum": "DOUBLE", "minimum": "DOUBLE", "hard": "BOOLEAN"}]')) AS one
    FROM ruled
  )
  UNION ALL
  SELECT search_key, unnest(['ttft_p99', 'tpot_p99']), false, NULL, NULL FROM ruled
), asked AS (
  SELECT search_key, metric, least,
    CASE WHEN least THEN max(bound) ELSE min(bound) END AS own,
    CASE WHEN least THEN max(bound) FILTER (WHERE hard) ELSE min(bound) FILTER (WHERE hard) END AS hard,
    row_number() OVER (PARTITION BY search_key ORDER BY list_position(['ttft_p99', 'tpot_p99'], metric) NULLS LAST, metric, least) AS place
  FROM limited GROUP BY search_key, metric, least
), wanted AS (
  SELECT search_key, place, unnest(stats) AS stat, metric
  FROM (
    SELECT search_key, place,
      CASE WHEN with_stat THEN regexp_replace(spelled, '_[a-z0-9]+$', '') ELSE spelled END AS metric,
      CASE WHEN with_stat THEN [regexp_extract(spelled, '[a-z0-9]+$')] ELSE ['value', 'p50'] END AS stats
    FROM (
      SELECT *, regexp_matches(spelled, '_(mean|p50|p90|p95|p99|min|max)$') AS with_stat
      FROM (
        SELECT search_key, 0 AS place, objective AS spelled FROM ruled
        UNION ALL SELECT search_key, place, metric FROM asked
      )
    )
  )
), tried AS (
  SELECT search_key, number, attempt_id FROM shown_trials
  WHERE status = 'succeeded' OR (status = 'failed' AND phase = 'slo' AND cause IN ('slo', 'unknown'))
), reached AS (
  SELECT t.search_key, t.number, l.attempt_id, l.position, l.scenario, l.load_kind, l.load_value,
    (l.state <> 'failed' AND l.ok > 0 AND l.sent > 0 AND l.ok / l.sent >= r.needed)::INTEGER AS counts
  FROM tried t
  JOIN ruled r USING (search_key)
  JOIN levels l USING (attempt_id)
  LEFT JOIN declared d ON d.search_key = t.search_key AND d.position = l.position AND d.scenario = l.scenario
    AND d.load_kind = l.load_kind AND d.load_value = l.load_value
  WHERE l.state <> 'not_reached' AND (d.position IS NOT NULL OR json_array_length(r.stated -> '$.levels') = 0)
), numbers AS (
  SELECT m.attempt_id, m.position, map_from_entries(list(struct_pack(k := w.place, v := m.value))) AS found
  FROM metrics m
  JOIN tried t USING (attempt_id)
  JOIN wanted w ON w.search_key = t.search_key AND w.metric = m.metric AND w.stat = m.stat
  GROUP BY m.attempt_id, m.position
), places AS (
  SELECT search_key, max(place) AS last FROM asked GROUP BY search_key
), lines AS (
  SELECT r.search_key, r.number, r.position, concat('[', r.position, ',', to_json(r.scenario), ',', to_json(r.load_kind), ',',
    r.load_value, ',', r.counts, ',',
    array_to_string(list_transform(range(p.last + 1), lambda place: coalesce(n.found[place]::VARCHAR, 'null')), ','), ']') AS line
  FROM reached r
  JOIN places p USING (search_key)
  LEFT JOIN numbers n ON n.attempt_id = r.attempt_id AND n.position = r.position
), trials_json AS (
  SELECT search_key, concat('[', string_agg(line, ',' ORDER BY number), ']') AS levels_json
  FROM (
    SELECT search_key, number, concat('[', number, ',[', string_agg(line, ',' ORDER BY position), ']]') AS line
    FROM lines GROUP BY search_key, number
  )
  GROUP BY search_key
), limits_json AS (
  SELECT search_key, concat('[', string_agg(json_array(metric, least, own, hard)::VARCHAR, ',' ORDER BY place), ']') AS limits_json
  FROM asked GROUP BY search_key
), declared_json AS (
  SELECT search_key, concat('[', string_agg(json_array(position, scenario, load_kind, load_value)::VARCHAR, ',' ORDER BY position), ']') AS declared_json
  FROM declared GROUP BY search_key
)
SELECT r.campaign, r.objective, r.objective_at, r.goal, l.limits_json, coalesce(d.declared_json, '[]') AS declared_json,
  coalesce(t.levels_json, '[]') AS levels_json
FROM ruled r
JOIN limits_json l USING (search_key)
LEFT JOIN declared_json d USING (search_key)
LEFT JOIN trials_json t USING (search_key)
ORDER BY r.campaign
