-- Front page: how much was measured, and up to when
SELECT (SELECT count(DISTINCT name) FROM campaigns WHERE latest) AS campaigns, count(*) AS trials,
  count(*) FILTER (WHERE status = 'failed') AS failed,
  (SELECT round(sum(seconds), 3) FROM attempts) AS machine_seconds,
  greatest((SELECT max(coalesce(ended_utc, started_utc)) FROM runs), (SELECT max(ended_utc) FROM attempts)) AS as_of_utc
FROM trials;

-- Front page: the runs of the last seven days
-- Counted back from the newest fact: a page has no clock.
WITH newest AS (
  SELECT greatest((SELECT max(coalesce(ended_utc, started_utc)) FROM runs), (SELECT max(ended_utc) FROM attempts)) AS as_of
)
SELECT count(*) AS runs, count(DISTINCT name) AS campaigns
FROM runs, newest
WHERE coalesce(ended_utc, started_utc) > as_of - INTERVAL 7 DAYS;

-- Front page: what the attempts of the last seven days died of
-- Attempts of every role, those of no configuration's fault too.
WITH newest AS (
  SELECT greatest((SELECT max(coalesce(ended_utc, started_utc)) FROM runs), (SELECT max(ended_utc) FROM attempts)) AS as_of
)
SELECT phase, cause, count(*) AS attempts, round(sum(seconds), 3) AS seconds
FROM attempts, newest
WHERE outcome <> 'measured' AND ended_utc > as_of - INTERVAL 7 DAYS
GROUP BY phase, cause
ORDER BY attempts DESC, phase, cause;

-- Front page: the best of each campaign, its gain over the default, what its tokens take
-- `shown` is what all pages speak of: of each name its latest lineage, and of that the latest series with a success.
-- The default is that of the same entry where it was measured again. A million output tokens take so many GPU-hours,
-- or hours of a machine without GPUs, at the level that gave most.
WITH shown AS (
  SELECT c.name, t.search_key, coalesce(max(t.series) FILTER (WHERE t.status = 'succeeded'), max(t.series)) AS series
  FROM campaigns c JOIN trials t USING (search_key)
  WHERE c.latest
  GROUP BY c.name, c.last_run_utc, c.campaign_id, t.search_key
  QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1
), counted AS (
  SELECT search_key, count(*) AS trials, count(*) FILTER (WHERE status = 'failed') AS failed
  FROM trials SEMI JOIN shown USING (search_key, series) GROUP BY search_key
), fastest AS (
  SELECT b.trial_id, l.load_kind, l.load_value, m.value AS throughput, j.value AS joules
  FROM best b
  JOIN trials t USING (trial_id)
  JOIN levels l ON l.attempt_id = t.attempt_id AND l.state = 'complete'
  JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position AND m.metric = 'output_throughput'
  LEFT JOIN metrics j ON j.attempt_id = l.attempt_id AND j.position = l.position
    AND j.metric IN ('energy_per_token', 'cpu_energy_per_token')
  WHERE m.value > 0
  QUALIFY row_number() OVER (PARTITION BY b.trial_id ORDER BY m.value DESC, l.position, j.metric DESC) = 1
), gain AS (
  SELECT m.trial_a, m.verdict, m.log_ratio, m.low, m.high
  FROM comparisons m JOIN trials a ON a.trial_id = m.trial_a JOIN trials d ON d.trial_id = m.trial_b
  WHERE m.latest AND m.purpose = 'confirm' AND m.metric = a.objective AND d.is_default
  QUALIFY row_number() OVER (PARTITION BY m.trial_a ORDER BY d.entry <> a.entry, d.number) = 1
)
SELECT s.name, t.number, t.entry, round(b.score, 9) AS score, b.unit, b.basis, g.verdict,
  round(100 * (exp(g.log_ratio) - 1), 3) AS gain_percent, round(100 * (exp(g.low) - 1), 3) AS low_percent,
  round(100 * (exp(g.high) - 1), 3) AS high_percent, f.load_kind, f.load_value,
  round(1e6 / f.throughput / 3600 * greatest(c.gpus, 1), 9) AS hours_per_million,
  CASE WHEN c.gpus > 0 THEN round(1e6 / f.throughput / 3600 * c.gpus * c.price_per_gpu_hour, 9) END AS price_per_million,
  CASE WHEN c.price_per_gpu_hour IS NOT NULL THEN c.currency END AS currency,
  round(1e6 * f.joules, 3) AS joules_per_million, n.failed, n.trials
FROM shown s
JOIN campaigns c ON c.search_key = s.search_key AND c.latest
JOIN counted n ON n.search_key = s.search_key
LEFT JOIN best b ON b.search_key = s.search_key
LEFT JOIN trials t USING (trial_id)
LEFT JOIN fastest f USING (trial_id)
LEFT JOIN gain g ON g.trial_a = b.trial_id
ORDER BY s.name;

-- A campaign's page: its answer, and what it took to find
-- `measured` is the objective; `score` the same, made worse by missed soft SLOs. Both are the mean of the repeats where
-- the trial was confirmed.
WITH shown AS (
  SELECT c.name, t.search_key, coalesce(max(t.series) FILTER (WHERE t.status = 'succeeded'), max(t.series)) AS series
  FROM campaigns c JOIN trials t USING (search_key)
  WHERE c.latest
  GROUP BY c.name, c.last_run_utc, c.campaign_id, t.search_key
  QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1
), counted AS (
  SELECT search_key, count(*) AS trials, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    sum(gpu_seconds) FILTER (WHERE status = 'failed') AS gpu_seconds_of_failed
  FROM trials SEMI JOIN shown USING (search_key, series) GROUP BY search_key
), refused AS (
  SELECT search_key, count(*) AS refused FROM rejections SEMI JOIN shown USING (search_key, series) GROUP BY search_key
), took AS (
  SELECT search_key, sum(seconds) AS seconds, sum(seconds) FILTER (WHERE outcome <> 'measured') AS seconds_lost
  FROM attempts SEMI JOIN shown USING (search_key, series) GROUP BY search_key
), repeated AS (
  SELECT a.trial_id, a.client, avg(s.objective_value) AS measured
  FROM attempts a JOIN scores s USING (attempt_id)
  WHERE a.role = 'confirm' AND s.latest AND s.status = 'succeeded'
  GROUP BY a.trial_id, a.client
)
SELECT s.name, t.number, t.entry, t.params_json, round(coalesce(r.measured, t.objective_value), 9) AS measured,
  round(b.score, 9) AS score, b.unit, b.basis, t.confirm_repeats AS repeats, t.confirm_client AS client, n.trials, n.succeeded, n.failed,
  coalesce(f.refused, 0) AS refused, round(k.seconds, 3) AS machine_seconds,
  round(coalesce(k.seconds_lost, 0), 3) AS seconds_lost, round(n.gpu_seconds_of_failed, 3) AS gpu_seconds_of_failed
FROM shown s
JOIN counted n ON n.search_key = s.search_key
LEFT JOIN took k ON k.search_key = s.search_key
LEFT JOIN refused f ON f.search_key = s.search_key
LEFT JOIN best b ON b.search_key = s.search_key
LEFT JOIN trials t USING (trial_id)
LEFT JOIN repeated r ON r.trial_id = t.trial_id AND r.client = t.confirm_client
ORDER BY s.name;

-- A campaign's page: its verdicts, and the same gain made anew from the repeats
-- The interval is Student's t on the logarithms, as the methodology page says; what SQL alone can do is its middle:
-- the geometric means of the rounds that both have. A comparison over several hosts weighs each of them by itself.
WITH repeats AS (
  SELECT a.search_key, a.series, a.trial_id, a.client, a.repeat, ln(s.objective_value) AS log_value
  FROM attempts a JOIN scores s USING (attempt_id)
  WHERE a.role = 'confirm' AND s.latest AND s.status = 'succeeded' AND s.objective_value > 0
), pairs AS (
  SELECT x.trial_id AS trial_a, y.trial_id AS trial_b, x.client, avg(x.log_value) AS log_a, avg(y.log_value) AS log_b
  FROM repeats x JOIN repeats y USING (search_key, series, client, repeat)
  GROUP BY ALL
)
SELECT a.campaign, a.number, b.number AS against, b.entry AS entry_against, b.is_default, m.verdict,
  round(100 * (exp(m.log_ratio) - 1), 3) AS gain_percent, round(100 * (exp(m.low) - 1), 3) AS low_percent,
  round(100 * (exp(m.high) - 1), 3) AS high_percent, round(100 * m.confidence, 3) AS confidence_percent, m.repeats,
  round(exp(p.log_a), 6) AS geometric_mean, round(exp(p.log_b), 6) AS geometric_mean_against, m.unit,
  round(100 * (exp(CASE a.goal WHEN 'maximize' THEN p.log_a - p.log_b ELSE p.log_b - p.log_a END) - 1), 3)
    AS gain_from_repeats
FROM comparisons m
JOIN best e ON e.trial_id = m.trial_a
JOIN trials a ON a.trial_id = m.trial_a
JOIN trials b ON b.trial_id = m.trial_b
LEFT JOIN pairs p ON p.trial_a = m.trial_a AND p.trial_b = m.trial_b AND p.client = m.client
WHERE m.latest AND m.purpose = 'confirm' AND m.metric = a.objective
ORDER BY a.campaign, a.number, NOT b.is_default, b.number;

-- A campaign's page: the best trial and the default of its entry, level by level
-- As the search measured them. Times in seconds.
WITH chosen AS (
  SELECT t.campaign, 'best' AS which, t.number, t.attempt_id FROM best b JOIN trials t USING (trial_id)
  UNION ALL
  SELECT d.campaign, 'default', d.number, d.attempt_id
  FROM best b
  JOIN trials t USING (trial_id)
  JOIN trials d ON d.search_key = b.search_key AND d.series = b.series AND d.entry = t.entry AND d.is_default
  WHERE NOT t.is_default
)
SELECT c.campaign, c.which, c.number, l.scenario, l.load_kind, l.load_value, l.ok, l.sent,
  max(m.value) FILTER (WHERE m.metric = 'output_throughput') AS tokens_per_second,
  max(m.value) FILTER (WHERE m.metric = 'ttft' AND m.stat = 'p50') AS ttft_p50,
  max(m.value) FILTER (WHERE m.metric = 'ttft' AND m.stat = 'p99') AS ttft_p99,
  max(m.value) FILTER (WHERE m.metric = 'tpot' AND m.stat = 'p50') AS tpot_p50,
  max(m.value) FILTER (WHERE m.metric = 'tpot' AND m.stat = 'p99') AS tpot_p99
FROM chosen c
JOIN levels l USING (attempt_id)
LEFT JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position
GROUP BY c.campaign, c.which, c.number, l.position, l.scenario, l.load_kind, l.load_value, l.ok, l.sent
ORDER BY c.campaign, c.which, l.position;

-- Failures: what trials died of, in which phase, and the time it took
WITH shown AS (
  SELECT c.name, t.search_key, coalesce(max(t.series) FILTER (WHERE t.status = 'succeeded'), max(t.series)) AS series
  FROM campaigns c JOIN trials t USING (search_key)
  WHERE c.latest
  GROUP BY c.name, c.last_run_utc, c.campaign_id, t.search_key
  QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1
)
SELECT cause, phase, count(*) AS trials, round(sum(seconds), 3) AS seconds_lost,
  round(sum(gpu_seconds), 3) AS gpu_seconds_lost, max(severity) AS severity, count(DISTINCT campaign) AS campaigns
FROM trials SEMI JOIN shown USING (search_key, series)
WHERE status = 'failed'
GROUP BY cause, phase
ORDER BY cause, phase;

-- Runtimes: the rank of the best trial of each entry, load by load
-- Medians over the attempts that confirmed it, else the one of the search; ranked within a campaign and a client.
WITH shown AS (
  SELECT c.name, t.search_key, coalesce(max(t.series) FILTER (WHERE t.status = 'succeeded'), max(t.series)) AS series
  FROM campaigns c JOIN trials t USING (search_key)
  WHERE c.latest
  GROUP BY c.name, c.last_run_utc, c.campaign_id, t.search_key
  QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1
), chosen AS (
  SELECT * FROM trials SEMI JOIN shown USING (search_key, series)
  WHERE status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY search_key, entry
    ORDER BY confirmed_score IS NULL,
      CASE WHEN confirmed_score IS NULL THEN 1 ELSE confirm_failed / (confirm_repeats + confirm_failed) END,
      CASE goal WHEN 'maximize' THEN -1 ELSE 1 END * coalesce(confirmed_score, score), number) = 1
), used AS (
  SELECT t.campaign, t.entry, t.number, a.attempt_id, concat_ws(' ', a.client, a.client_version, 'on', a.host) AS client
  FROM attempts a JOIN chosen t USING (trial_id)
  WHERE a.attempt_id = t.attempt_id OR (a.role = 'confirm' AND a.outcome = 'measured')
  QUALIFY a.role = 'confirm' OR count(*) FILTER (WHERE a.role = 'confirm') OVER (PARTITION BY a.trial_id) = 0
), middles AS (
  SELECT u.campaign, u.client, l.scenario, l.load_kind, l.load_value, m.metric, m.stat, m.unit, u.entry, u.number,
    count(*) AS attempts, round(median(m.value), 9) AS middle
  FROM used u
  JOIN levels l USING (attempt_id)
  JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position
  WHERE l.state = 'complete' AND (m.metric = 'output_throughput' OR (m.metric IN ('ttft', 'tpot') AND m.stat = 'p99'))
  GROUP BY ALL
)
SELECT *, rank() OVER (
    PARTITION BY campaign, client, scenario, load_kind, load_value, metric
    ORDER BY CASE metric WHEN 'output_throughput' THEN -middle ELSE middle END) AS place
FROM middles
ORDER BY campaign, client, scenario, metric, load_value, place, entry;

-- Parameters: how often each value failed, and how far it stays behind the best
-- The 95 % interval of the share that failed is Wilson's (1927). The gap is the median one to the best score that the
-- same campaign found with the same engine. The page puts numbers with more than six values into five ranges.
WITH shown AS (
  SELECT c.name, t.search_key, coalesce(max(t.series) FILTER (WHERE t.status = 'succeeded'), max(t.series)) AS series
  FROM campaigns c JOIN trials t USING (search_key)
  WHERE c.latest
  GROUP BY c.name, c.last_run_utc, c.campaign_id, t.search_key
  QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1
), judged AS (
  SELECT *, CASE goal WHEN 'maximize' THEN max(score) OVER engine ELSE min(score) OVER engine END AS most
  FROM trials SEMI JOIN shown USING (search_key, series)
  WHERE status <> 'unmeasured'
  WINDOW engine AS (PARTITION BY search_key, runtime)
), said AS (
  SELECT search_key, runtime, status,
    CASE WHEN most > 0 AND score <> 0
      THEN least(1, CASE goal WHEN 'maximize' THEN 1 - score / most ELSE 1 - most / score END) END AS gap,
    unnest(regexp_extract_all(params_json, '"((?:[^"\\]|\\.)*)": *("(?:[^"\\]|\\.)*"|[^,}]*)', 1)) AS parameter,
    unnest(regexp_extract_all(params_json, '"((?:[^"\\]|\\.)*)": *("(?:[^"\\]|\\.)*"|[^,}]*)', 2)) AS value
  FROM judged
), varied AS (
  SELECT * FROM said
  WINDOW one AS (PARTITION BY search_key, runtime, parameter)
  QUALIFY min(value) OVER one <> max(value) OVER one
), counted AS (
  SELECT runtime, parameter, trim(value, '"') AS value, count(*) AS n, count(*) FILTER (WHERE status = 'failed') AS k,
    median(gap) AS gap, 1.959963984540054 AS z
  FROM varied GROUP BY ALL
)
SELECT runtime, parameter, value, n AS trials, k AS failed,
  round(100 * greatest(0, (k + z * z / 2 - z * sqrt(k * (n - k) / n + z * z / 4)) / (n + z * z)), 4) AS low_percent,
  round(100 * least(1, (k + z * z / 2 + z * sqrt(k * (n - k) / n + z * z / 4)) / (n + z * z)), 4) AS high_percent,
  round(100 * gap, 4) AS gap_percent
FROM counted
ORDER BY runtime, parameter, value;

-- Cost: the cheapest load of each entry
-- Hours of the GPUs or of a machine without any, price and energy of a million output tokens, in one deployment: of the
-- best trial of the campaign, and of each other entry the best of the search.
WITH shown AS (
  SELECT c.name, t.search_key, coalesce(max(t.series) FILTER (WHERE t.status = 'succeeded'), max(t.series)) AS series
  FROM campaigns c JOIN trials t USING (search_key)
  WHERE c.latest
  GROUP BY c.name, c.last_run_utc, c.campaign_id, t.search_key
  QUALIFY row_number() OVER (PARTITION BY c.name ORDER BY c.last_run_utc DESC, c.campaign_id) = 1
), chosen AS (
  SELECT t.* FROM trials t SEMI JOIN shown USING (search_key, series) LEFT JOIN best b ON b.trial_id = t.trial_id
  WHERE t.status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY t.search_key, t.entry
    ORDER BY b.trial_id IS NULL, CASE t.goal WHEN 'maximize' THEN -t.score ELSE t.score END, t.number) = 1
), measured AS (
  SELECT t.campaign, t.entry, t.number, t.search_key, l.load_kind, l.load_value, l.position,
    max(m.value) FILTER (WHERE m.metric = 'output_throughput') AS tokens_per_second,
    max(m.value) FILTER (WHERE m.metric = 'tpot' AND m.stat = 'p50') AS tpot_p50,
    max(m.value) FILTER (WHERE m.metric = 'energy_per_token') AS gpu_joules,
    max(m.value) FILTER (WHERE m.metric = 'cpu_energy_per_token') AS cpu_joules
  FROM chosen t
  JOIN levels l ON l.attempt_id = t.attempt_id AND l.state = 'complete'
  JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position
  GROUP BY ALL
)
SELECT m.campaign, m.entry, m.number, m.load_kind, m.load_value, m.tokens_per_second, m.tpot_p50,
  round(1e6 / m.tokens_per_second / 3600 * greatest(c.gpus, 1), 9) AS hours_per_million,
  CASE WHEN c.gpus > 0 THEN round(1e6 / m.tokens_per_second / 3600 * c.gpus * c.price_per_gpu_hour, 9) END
    AS price_per_million,
  CASE WHEN c.price_per_gpu_hour IS NOT NULL THEN c.currency END AS currency,
  round(1e6 * coalesce(m.gpu_joules, m.cpu_joules), 3) AS joules_per_million
FROM measured m
JOIN campaigns c ON c.search_key = m.search_key AND c.latest
WHERE m.tokens_per_second > 0
QUALIFY row_number() OVER (PARTITION BY m.campaign, m.entry ORDER BY hours_per_million, m.load_value, m.position) = 1
ORDER BY m.campaign, hours_per_million, m.entry;

-- Cost: what the measuring took
-- Everything that a campaign's name ever ran. `price` is NULL where the file names none.
SELECT n.name, count(*) AS attempts,
  round(sum(CASE WHEN c.gpus > 0 THEN k.gpu_seconds ELSE k.seconds END) / 3600, 6) AS hours,
  round(coalesce(sum(CASE WHEN c.gpus > 0 THEN k.gpu_seconds ELSE k.seconds END)
    FILTER (WHERE k.outcome <> 'measured'), 0) / 3600, 6) AS hours_without_result,
  round(sum(k.price), 6) AS price, k.currency
FROM cost k
JOIN campaigns c USING (campaign_id)
JOIN campaigns n ON n.search_key = c.search_key AND n.latest
GROUP BY n.name, c.gpus, k.currency
ORDER BY hours DESC, n.name;
