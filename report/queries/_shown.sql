-- What the other queries stand on, made once in the reader's own memory: the views of the store are deep, and a query
-- that plans them again for each page would take longer than the pages.

-- Every trial of every lineage and series.
CREATE OR REPLACE TEMP TABLE known_trials AS FROM trials;

-- What the pages speak of: for each campaign name its latest lineage, and of that the latest series with a success,
-- else the latest one.
CREATE OR REPLACE TEMP TABLE shown AS
SELECT
  c.name AS campaign, c.campaign_id, c.search_key, coalesce(s.series, c.series) AS series,
  c.objective, c.objective_at, c.goal, c.unit, c.model, c.hardware
FROM campaigns c
LEFT JOIN (
  SELECT search_key, coalesce(max(series) FILTER (WHERE status = 'succeeded'), max(series)) AS series
  FROM known_trials GROUP BY search_key
) s USING (search_key)
WHERE c.latest
QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1;

-- The name of each lineage: that of its latest run. What ran under a former name is told under this one.
CREATE OR REPLACE TEMP TABLE lineage_names AS
SELECT DISTINCT search_key, name AS campaign FROM campaigns WHERE latest;

-- The trials of what is shown, and the best of each campaign.
CREATE OR REPLACE TEMP TABLE shown_trials AS
SELECT t.* FROM known_trials t JOIN shown s ON s.search_key = t.search_key AND s.series = t.series;

CREATE OR REPLACE TEMP TABLE shown_best AS
SELECT b.trial_id, b.score, b.search_score, b.basis, b.search_key
FROM best b JOIN shown s ON s.search_key = b.search_key AND s.series = b.series;

-- One row per measured level of a trial's deciding attempt, its numbers side by side.
CREATE OR REPLACE TEMP TABLE level_numbers AS
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

-- The two that a reader lays side by side: the best trial of a campaign, and the default of its entry.
CREATE OR REPLACE TEMP TABLE compared AS
WITH best_trial AS (
  SELECT t.* FROM shown_trials t JOIN shown_best b USING (trial_id)
)
SELECT campaign, 'best' AS which, number, attempt_id FROM best_trial
UNION ALL
SELECT t.campaign, 'default', t.number, t.attempt_id
FROM shown_trials t
JOIN best_trial b ON b.search_key = t.search_key AND b.entry = t.entry
WHERE t.is_default AND NOT b.is_default;
