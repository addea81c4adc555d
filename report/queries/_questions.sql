-- Every trial: where it stood and what came of it
-- The best of each campaign first; what failed has no score, and says in which phase and of what.
SELECT campaign, number, entry, params_json, status, score, unit, phase, cause
FROM trials
ORDER BY campaign, CASE goal WHEN 'minimize' THEN score ELSE -score END NULLS LAST, number;

-- How many trials succeeded, by campaign
SELECT campaign, count(*) AS trials, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
  count(*) FILTER (WHERE status = 'failed') AS failed
FROM trials
GROUP BY campaign
ORDER BY campaign;

-- Where failures lie: each value of one parameter
-- Put the name of a flag in place of threads. A value is a word of `params_json`.
SELECT campaign, entry, regexp_extract(params_json, '"threads": *"?([^",}]+)', 1) AS value, count(*) AS trials,
  count(*) FILTER (WHERE status = 'failed') AS failed, round(max(score), 1) AS most, round(min(score), 1) AS least
FROM trials
WHERE params_json LIKE '%"threads"%'
GROUP BY ALL
ORDER BY campaign, entry, value;

-- Throughput over the load, of every trial that succeeded
SELECT t.campaign, t.number, t.entry, l.load_kind, l.load_value, l.state, round(m.value, 1) AS output_throughput, m.unit
FROM trials t
JOIN levels l USING (attempt_id)
JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position
WHERE t.status = 'succeeded' AND m.metric = 'output_throughput'
ORDER BY t.campaign, t.number, l.position;

-- Which metrics were measured, with their units
SELECT metric, stat, unit, count(*) AS measured
FROM metrics
GROUP BY metric, stat, unit
ORDER BY metric, stat;

-- The tables and their columns
SELECT table_name, column_name, data_type
FROM information_schema.columns
WHERE table_catalog = current_database()
ORDER BY table_name, ordinal_position;
