-- What won, and by how much over the default
-- `log_ratio` is compared from repeated, interleaved measurements; exp() makes a factor of it.
SELECT c.name, w.number AS winner, w.params_json, d.entry AS against, m.verdict,
  round(100 * (exp(m.log_ratio) - 1), 1) AS gain_percent,
  round(100 * (exp(m.low) - 1), 1) AS low_percent, round(100 * (exp(m.high) - 1), 1) AS high_percent
FROM comparisons m
JOIN campaigns c USING (campaign_id)
JOIN trials w ON w.trial_id = m.trial_a
JOIN trials d ON d.trial_id = m.trial_b
WHERE m.latest AND m.purpose = 'confirm' AND d.is_default
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
-- Percentiles are never averaged: add the buckets, then read the percentile. Error: at most 1 %. Of one client each.
SELECT campaign, number, client, min(seconds) FILTER (WHERE cumulated >= 0.99 * total) AS ttft_p99_seconds
FROM (
  SELECT t.campaign, t.number, a.client, t.trial_id, h.seconds,
    sum(sum(h.n)) OVER (PARTITION BY t.trial_id, a.client ORDER BY h.seconds) AS cumulated,
    sum(sum(h.n)) OVER (PARTITION BY t.trial_id, a.client) AS total
  FROM histograms h JOIN attempts a USING (attempt_id) JOIN trials t USING (trial_id)
  WHERE h.metric = 'ttft' AND h.position = 0
  GROUP BY t.campaign, t.number, a.client, t.trial_id, h.seconds
)
GROUP BY campaign, number, client, trial_id
ORDER BY campaign, number, client, trial_id;

-- The noise of the machine: repeats of the same configuration
SELECT t.campaign, t.number, a.client, count(*) AS repeats, round(avg(s.value), 2) AS mean, t.unit,
  round(100 * stddev_samp(s.value) / avg(s.value), 2) AS spread_percent
FROM attempts a JOIN scores s USING (attempt_id) JOIN trials t USING (trial_id)
WHERE a.role = 'confirm' AND s.latest AND s.status = 'succeeded'
GROUP BY t.campaign, t.number, t.trial_id, a.client, t.unit
HAVING count(*) > 1
ORDER BY t.campaign, t.number, a.client, t.trial_id;

-- What ran lately, and how each run ended
-- A run without an end was killed or still goes on: `tunebook status` knows which.
SELECT name, started_utc, round(seconds) AS seconds, coalesce(end_reason, 'no end recorded') AS end_reason,
  trials, succeeded, failed, host
FROM runs
ORDER BY started_utc DESC
LIMIT 20;

-- Where the time goes: phases of all attempts
SELECT p.phase, count(*) AS attempts, round(sum(p.seconds), 1) AS seconds,
  round(100 * sum(p.seconds) / sum(sum(p.seconds)) OVER (), 1) AS share_percent
FROM phases p
GROUP BY p.phase
ORDER BY seconds DESC;

-- What a campaign has cost
-- `price` is NULL where the campaign names no price per GPU hour; the time stands in any case.
SELECT c.name, count(*) AS attempts, round(sum(k.seconds) / 3600, 3) AS hours,
  round(sum(k.gpu_seconds) / 3600, 3) AS gpu_hours, round(sum(k.price), 2) AS price, any_value(k.currency) AS currency
FROM cost k JOIN campaigns c USING (campaign_id)
GROUP BY c.name
ORDER BY hours DESC;

-- The Pareto front: no other trial has both more throughput and a quicker first token
-- At the heaviest level that each trial completed.
WITH heaviest AS (
  SELECT t.campaign, t.number, t.attempt_id, max(l.position) AS position
  FROM trials t JOIN levels l USING (attempt_id)
  WHERE t.status = 'succeeded' AND l.state = 'complete'
  GROUP BY ALL
), measured AS (
  SELECT h.campaign, h.number, h.position, o.value AS tokens_per_second, f.value AS ttft_p50_seconds
  FROM heaviest h
  JOIN metrics o ON (o.attempt_id, o.position, o.metric) = (h.attempt_id, h.position, 'output_throughput')
  JOIN metrics f ON (f.attempt_id, f.position, f.metric, f.stat) = (h.attempt_id, h.position, 'ttft', 'p50')
)
SELECT campaign, number, round(tokens_per_second, 1) AS tokens_per_second, round(ttft_p50_seconds, 4) AS ttft_p50_seconds
FROM measured a
WHERE NOT EXISTS (
  FROM measured b
  WHERE b.campaign = a.campaign AND b.position = a.position
    AND b.tokens_per_second >= a.tokens_per_second AND b.ttft_p50_seconds <= a.ttft_p50_seconds
    AND (b.tokens_per_second > a.tokens_per_second OR b.ttft_p50_seconds < a.ttft_p50_seconds)
)
ORDER BY campaign, tokens_per_second DESC;

-- Which SLOs are missed, how often and by how much
-- `ratio` is the value over its limit, for limits from above: 1.2 is 20 % too slow.
SELECT v.slo, v.hard, count(*) AS checked, count(*) FILTER (WHERE v.verdict LIKE 'missed%') AS missed,
  round(max(v.ratio), 2) AS worst_ratio
FROM slo_verdicts v
WHERE v.latest
GROUP BY v.slo, v.hard
ORDER BY missed DESC, v.slo;

-- What the pre-check refused, and by which rule
SELECT rule, count(*) AS configurations, any_value(reason) AS reason
FROM rejections
GROUP BY rule
ORDER BY configurations DESC, rule;

-- Whether the pre-check was right: precision of its audits with the 95 % interval, and what it did not foresee
-- About one refusal in twenty is deployed all the same; `recall` stands in the row of all rules of a campaign.
SELECT campaign, series, rule, rejected, audited, failed, round(precision, 3) AS precision, round(low, 3) AS low,
  round(high, 3) AS high, unforeseen, round(recall, 3) AS recall
FROM precheck_quality
WHERE predicts
ORDER BY campaign, series, rule = 'all', rejected DESC, rule;

-- Levels that ran on a busy machine, the worst first
-- Take numbers with care where the load average is above the CPUs, or where the hypervisor took time away.
SELECT a.number, a.role, l.load_kind, l.load_value, l.load_before, l.load_after, l.cpus,
  round(100 * l.steal, 1) AS steal_percent
FROM levels l JOIN attempts a USING (attempt_id)
ORDER BY greatest(l.load_before / l.cpus, l.load_after / l.cpus) DESC NULLS LAST, l.steal DESC NULLS LAST
LIMIT 20;

-- Who would win under other rules
-- `tunebook store rescore` made them. By the search's measurement; the campaign's own rules are those with `latest`.
SELECT u.rules_id, u.objective, u.objective_at, t.campaign, t.number, t.params_json, s.value, u.unit
FROM (SELECT DISTINCT ON (rules_id, search_key) * FROM rules WHERE NOT latest ORDER BY written_utc) u
JOIN trials t USING (search_key)
JOIN scores s ON s.attempt_id = t.attempt_id AND s.rules_id = u.rules_id
WHERE s.status = 'succeeded' AND NOT s.latest
QUALIFY row_number() OVER (
  PARTITION BY u.rules_id, u.search_key, t.series
  ORDER BY CASE u.goal WHEN 'maximize' THEN -s.value ELSE s.value END, t.number) = 1
ORDER BY t.campaign, u.rules_id;
