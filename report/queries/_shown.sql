-- What the pages speak of: for each campaign name its latest lineage, and of that the latest series with a success,
-- else the latest one. Every other query reads this; it is made once, in the reader's own memory.
CREATE OR REPLACE TEMP VIEW shown AS
SELECT
  c.name AS campaign, c.campaign_id, c.search_key, coalesce(s.series, c.series) AS series,
  c.objective, c.objective_at, c.goal, c.unit, c.model, c.hardware
FROM campaigns c
LEFT JOIN (
  SELECT search_key, coalesce(max(series) FILTER (WHERE status = 'succeeded'), max(series)) AS series
  FROM trials GROUP BY search_key
) s USING (search_key)
WHERE c.latest
QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1;

-- The trials of what is shown.
CREATE OR REPLACE TEMP VIEW shown_trials AS
SELECT t.* FROM trials t JOIN shown s ON s.search_key = t.search_key AND s.series = t.series;

-- One row per measured level of a trial's deciding attempt, its numbers side by side.
CREATE OR REPLACE TEMP VIEW level_numbers AS
SELECT
  attempt_id, position,
  max(value) FILTER (WHERE metric = 'ttft' AND stat = 'p50') AS ttft_p50,
  max(value) FILTER (WHERE metric = 'ttft' AND stat = 'p90') AS ttft_p90,
  max(value) FILTER (WHERE metric = 'ttft' AND stat = 'p99') AS ttft_p99,
  max(value) FILTER (WHERE metric = 'tpot' AND stat = 'p50') AS tpot_p50,
  max(value) FILTER (WHERE metric = 'tpot' AND stat = 'p90') AS tpot_p90,
  max(value) FILTER (WHERE metric = 'tpot' AND stat = 'p99') AS tpot_p99,
  max(value) FILTER (WHERE metric = 'e2e' AND stat = 'p50') AS e2e_p50,
  max(value) FILTER (WHERE metric = 'e2e' AND stat = 'p90') AS e2e_p90,
  max(value) FILTER (WHERE metric = 'e2e' AND stat = 'p99') AS e2e_p99,
  max(value) FILTER (WHERE metric = 'output_throughput') AS output_throughput,
  max(value) FILTER (WHERE metric = 'request_throughput') AS request_throughput,
  max(value) FILTER (WHERE metric = 'success_rate') AS success_rate
FROM metrics
GROUP BY attempt_id, position;
