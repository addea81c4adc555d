-- A value of a searched parameter of an engine, or a range of its numbers, over the shown series of all campaigns that
-- tried two values of it. Numbers with more than six values go into five ranges of about the same number of trials.
-- A trial's gap is how far its search score is below the best that the campaign found with this engine; missed soft
-- SLOs can push a score below 0, which is a gap of 1.
-- columns:
--   runtime VARCHAR         inference engine
--   parameter VARCHAR       as the campaign file names it
--   place INTEGER           order of the values, from 0
--   label VARCHAR           a word; NULL for numbers
--   low DOUBLE              smallest number that was tried in the range
--   high DOUBLE             largest
--   trials BIGINT           judged trials with such a value
--   failed BIGINT           of them failed
--   fail_low DOUBLE         lower end of the 95 % interval of their share
--   fail_high DOUBLE        upper end
--   cause VARCHAR           that most of them died of
--   scored BIGINT           trials behind the gap
--   gap DOUBLE              median, 0 is as good as the best, 1 is worth nothing
--   gap_low DOUBLE          lower end of its 95 % interval
--   gap_high DOUBLE         upper end
--   best BIGINT             campaigns whose best trial of this engine has such a value
--   campaigns BIGINT        campaigns that tried such a value
--   all_campaigns BIGINT    campaigns that searched the parameter
--   answered BIGINT         of them with a success of this engine
--   settings BIGINT         pairs of model and hardware that they measured
WITH engine_best AS (
  SELECT search_key, runtime, score, number FROM shown_trials WHERE status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY search_key, runtime ORDER BY CASE goal WHEN 'maximize' THEN -score ELSE score END, number) = 1
), unpacked AS (
  SELECT * EXCLUDE (pair), pair.key AS parameter, pair.value AS value,
    json_type(pair.value) IN ('UBIGINT', 'BIGINT', 'DOUBLE') AS is_number
  FROM (
    SELECT search_key, model, hardware, runtime, number, status, cause, score, goal,
      unnest(map_entries(CAST(params_json::JSON AS MAP(VARCHAR, JSON)))) AS pair
    FROM shown_trials WHERE status <> 'unmeasured'
  )
), varied AS (
  SELECT *, bool_and(is_number) OVER (PARTITION BY runtime, parameter) AS all_numbers
  FROM (
    SELECT * FROM unpacked
    QUALIFY min(value::VARCHAR) OVER (PARTITION BY search_key, runtime, parameter)
      <> max(value::VARCHAR) OVER (PARTITION BY search_key, runtime, parameter)
  )
), spelled AS (
  SELECT v.* EXCLUDE (value), CASE WHEN all_numbers THEN value::DOUBLE END AS x,
    CASE WHEN NOT all_numbers THEN value ->> '$' END AS label,
    coalesce(b.number = v.number, false) AS is_best, b.number IS NOT NULL AS answered,
    CASE WHEN v.status = 'succeeded' AND b.score > 0 AND v.score <> 0
      THEN least(1, CASE v.goal WHEN 'maximize' THEN 1 - v.score / b.score ELSE 1 - b.score / v.score END) END AS gap
  FROM varied v LEFT JOIN engine_best b USING (search_key, runtime)
), edged AS (
  SELECT runtime, parameter, quantile_disc(x, [0.2, 0.4, 0.6, 0.8]) AS edges, count(DISTINCT x) AS numbers,
    count(DISTINCT search_key) AS all_campaigns, count(DISTINCT search_key) FILTER (WHERE answered) AS answered,
    count(DISTINCT (model, hardware)) AS settings
  FROM spelled GROUP BY runtime, parameter
), binned AS (
  SELECT s.* EXCLUDE (answered), e.all_campaigns, e.answered, e.settings,
    CASE WHEN e.numbers > 6 THEN len(list_filter(e.edges, lambda edge: edge < s.x)) ELSE s.x END AS bin
  FROM spelled s JOIN edged e USING (runtime, parameter)
), grouped AS (
  SELECT runtime, parameter, label, min(x) AS low, max(x) AS high, count(*) AS trials,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    (list(cause ORDER BY cause) FILTER (WHERE status = 'failed')) AS causes,
    list_sort(list(gap) FILTER (WHERE gap IS NOT NULL)) AS gaps,
    count(DISTINCT search_key) FILTER (WHERE is_best) AS best, count(DISTINCT search_key) AS campaigns,
    min(all_campaigns) AS all_campaigns, min(answered) AS answered, min(settings) AS settings
  FROM binned GROUP BY runtime, parameter, label, bin
), counted AS (
  SELECT *, coalesce(len(gaps), 0) AS scored, 0.98 * sqrt(coalesce(len(gaps), 0)) AS reach FROM grouped
)
SELECT
  runtime, parameter,
  (row_number() OVER (PARTITION BY runtime, parameter ORDER BY low, label) - 1)::INTEGER AS place,
  label, low, high, trials, failed,
  round(wilson_low(failed, trials), 6)::DOUBLE AS fail_low, round(wilson_high(failed, trials), 6)::DOUBLE AS fail_high,
  list_mode(causes) AS cause, scored,
  round(list_median(gaps), 6)::DOUBLE AS gap,
  round(gaps[greatest(1, floor(scored / 2 - reach))::BIGINT], 6)::DOUBLE AS gap_low,
  round(gaps[least(scored, ceil(scored / 2 + 1 + reach))::BIGINT], 6)::DOUBLE AS gap_high,
  best, campaigns, all_campaigns, answered, settings
FROM counted
ORDER BY runtime, parameter, place
