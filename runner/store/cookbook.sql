-- What won, and by how much over the default
-- `log_ratio` is compared from repeated, interleaved measurements; exp() makes a factor of it.
SELECT c.name, w.number AS winner, w.params_json, d.entry AS against, m.verdict,
  round(100 * (exp(m.log_ratio) - 1), 1) AS gain_percent,
  round(100 * (exp(m.low) - 1), 1) AS low_percent, round(100 * (exp(m.high) - 1), 1) AS high_percent
FROM comparisons m
JOIN campaigns c USING (campaign_id)
JOIN trials w ON w.trial_id = m.trial_a
JOIN trials d ON d.trial_id = m.trial_b
WHERE m.latest AND d.is_default
ORDER BY c.name, gain_percent DESC;

-- The best trial of each campaign and its launch command
SELECT b.campaign, t.entry, b.score, b.unit, b.basis, t.launch
FROM best b JOIN trials t USING (trial_id)
ORDER BY b.campaign;

-- What died, in which phase, of what, and the time it took
SELECT phase, cause, count(*) AS attempts, round(sum(seconds_lost)) AS seconds_lost, any_value(evidence) AS evidence
FROM failures
GROUP BY phase, cause
ORDER BY attempts DESC, phase, cause;

-- Where failures lie: each value of a parameter
-- `params` is a VARIANT: a key that a trial does not have gives NULL. Names with a dash need double quotes.
SELECT entry, params."batch-size"::INTEGER AS batch_size, count(*) AS trials,
  count(*) FILTER (WHERE status = 'failed') AS failed, round(max(score), 1) AS best
FROM trials
WHERE params."batch-size" IS NOT NULL
GROUP BY ALL
ORDER BY entry, batch_size;

-- How much worse than the best each failure counts, in three ways
-- Only `severity` can be compared across campaigns; `penalty` has the unit of the objective.
SELECT campaign, number, phase, cause, round(severity, 3) AS severity, round(penalty, 1) AS penalty, unit,
  penalty_classic
FROM trials
WHERE status = 'failed'
ORDER BY campaign, severity DESC;

-- One metric over the levels of the best trial
SELECT b.campaign, l.load_kind, l.load_value, m.stat, m.value, m.unit
FROM best b
JOIN trials t USING (trial_id)
JOIN levels l ON l.attempt_id = t.attempt_id
JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position
WHERE m.metric = 'ttft' AND m.stat IN ('p50', 'p99')
ORDER BY b.campaign, l.position, m.stat;

-- A percentile over several attempts, from the histograms
-- Percentiles are never averaged: add the buckets, then read the percentile. Error: at most 1 %.
SELECT number, min(seconds) FILTER (WHERE cumulated >= 0.99 * total) AS ttft_p99_seconds
FROM (
  SELECT a.number, h.seconds, sum(sum(h.n)) OVER (PARTITION BY a.number ORDER BY h.seconds) AS cumulated,
    sum(sum(h.n)) OVER (PARTITION BY a.number) AS total
  FROM histograms h JOIN attempts a USING (attempt_id)
  WHERE h.metric = 'ttft' AND h.position = 0
  GROUP BY a.number, h.seconds
)
GROUP BY number
ORDER BY number;

-- The noise of the machine: repeats of the same configuration
SELECT a.number, count(*) AS repeats, round(avg(s.value), 2) AS mean,
  round(100 * stddev_samp(s.value) / avg(s.value), 2) AS spread_percent
FROM attempts a JOIN scores s USING (attempt_id)
WHERE a.role = 'confirm' AND s.latest AND s.status = 'succeeded'
GROUP BY a.number
HAVING count(*) > 1
ORDER BY a.number;
