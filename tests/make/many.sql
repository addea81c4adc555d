-- Campaigns by the thousand, straight into the tables of a store: sealing and judging a record each would take an hour.
-- What a row holds that nobody looks at is that of the believable campaign which the store has already.
-- Variables: seed, first (number of the first campaign), campaigns, trials (of each).

-- Evenly in [0, 1), from the seed and three words: the same in every version of DuckDB.
CREATE OR REPLACE TEMP MACRO draw(a, b, k) AS
  md5_number_lower(concat_ws('/', getvariable('seed'), a, b, k))::DOUBLE / 18446744073709551616.0;

CREATE OR REPLACE TEMP TABLE template AS
SELECT c.*, r.rules_id, r.record_id AS rules_record FROM store.campaign c
JOIN store.rules r USING (search_key) WHERE c.name = getvariable('model_of');

CREATE OR REPLACE TEMP TABLE made AS
SELECT
  i AS c, printf('campaign-%04d', i) AS name, sha256(concat('version', i)) AS version, sha256(concat('key', i)) AS key,
  printf('00000000-0000-7001-8000-%012x', i) AS run_id, printf('cccccccc-0000-5000-8000-%012x', i) AS campaign_id,
  printf('host-%c', 65 + i % 3) AS host,
  ['SmolLM2-135M', 'Qwen3-0.6B', 'Llama-3.2-1B', 'gemma-3-1b'][1 + i % 4] AS model,
  TIMESTAMP '2026-03-02 01:00:00' + INTERVAL (i) HOUR AS began
FROM range(getvariable('first'), getvariable('first') + getvariable('campaigns')) t(i);

-- How a trial fails: cause, phase, severity, evidence, hint.
CREATE OR REPLACE TEMP TABLE ways AS
SELECT * FROM (VALUES
  (1, 'bad_flag', 'start', 0.95, 'error: invalid argument: --flash-attn', 'see the flags of this version'),
  (2, 'oom_load', 'load', 0.80, 'ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate', 'lower ctx-size'),
  (3, 'hang', 'ready', 0.74, 'no answer within 300 s', 'look at the log'),
  (4, 'crash', 'measure', 0.40, 'Segmentation fault (core dumped)', NULL),
  (5, 'error_rate', 'measure', 0.35, '9 of 12 requests failed: connection reset by peer', NULL),
  (6, 'slo', 'slo', 0.05, 'ttft_p99 2.31 s > 2 s at concurrency 16', NULL)
) t(way, cause, phase, severity, evidence, hint);

-- What was tried. Threads and batch size decide the speed; the widest batches with the longest context run out of memory.
CREATE OR REPLACE TEMP TABLE planned AS
WITH drawn AS (
  SELECT m.*, n, CASE n % 2 WHEN 0 THEN 'f16' ELSE 'q8' END AS entry,
    [1, 2, 4, 8][1 + floor(4 * draw(c, n, 'threads'))::INT] AS threads,
    32 * (1 + floor(16 * draw(c, n, 'batch')))::INT AS batch,
    draw(c, n, 'flash') < 0.5 AS flash,
    [1024, 2048, 4096, 8192][1 + floor(4 * draw(c, n, 'context'))::INT] AS context,
    round(0.5 + 0.45 * draw(c, n, 'share'), 2) AS part,
    draw(c, n, 'fails') AS fails, draw(c, n, 'way') AS way, draw(c, n, 'noise') + draw(c, n, 'more') - 1 AS noise
  FROM made m, range(getvariable('trials')) t(n)
)
SELECT * EXCLUDE (way),
  CASE WHEN n < 2 THEN '{}' ELSE printf(
    '{"batch-size":%d,"cache-share":%.2f,"ctx-size":%d,"flash-attn":%s,"threads":%d}',
    batch, part, context, flash::VARCHAR, threads) END AS params_json,
  CASE WHEN n < 2 THEN 0 WHEN batch >= 416 AND context = 8192 THEN 2 WHEN fails < 0.16 THEN 1 + floor(6 * way)::INT
    WHEN fails < 0.17 THEN 7 ELSE 0 END AS way, -- 7: the machinery's fault
  (20 + 5 * (c % 7)) * CASE WHEN n < 2 THEN 2 ELSE 1 + log2(threads) END
    * (1 + CASE WHEN n < 2 THEN 0 ELSE 0.05 * log2(batch / 32) END) * (1 + 0.05 * noise) AS speed,
  printf('%08x-%04x-5000-8000-000000000000', c, n) AS trial_id
FROM drawn;

-- The two fastest and both defaults three times more, in turn.
CREATE OR REPLACE TEMP TABLE deployed AS
WITH every AS (
  SELECT *, CASE WHEN n < 2 THEN 'baseline' ELSE 'search' END AS role, 0 AS repeat FROM planned
  UNION ALL BY NAME
  SELECT * EXCLUDE (round) REPLACE (speed * (0.985 + 0.02 * draw(c, n, round)) AS speed), 'confirm' AS role,
    round::INT AS repeat
  FROM (
    SELECT * FROM planned WHERE way = 0
    QUALIFY n < 2 OR row_number() OVER (PARTITION BY c, n < 2 ORDER BY speed DESC) <= 2
  ), range(1, 4) r(round)
)
SELECT *, printf('%08x-%04x-7%03x-8000-000000000000', c, n, repeat) AS attempt_id FROM every;

INSERT INTO store.host BY NAME
SELECT h.* REPLACE (made.host AS host, concat('facts of ', made.host) AS host_id)
FROM (SELECT DISTINCT host FROM made) made, (FROM store.host LIMIT 1) h
WHERE concat('facts of ', made.host) NOT IN (SELECT host_id FROM store.host);

INSERT INTO store.campaign BY NAME
SELECT t.* EXCLUDE (rules_id, rules_record) REPLACE (
  m.campaign_id AS campaign_id, m.name AS name, m.version AS version_sha256, m.key AS search_key, m.model AS model,
  concat('campaigns/', m.name, '.yaml') AS path, getvariable('trials')::INT AS trials_planned,
  replace(t.campaign_json::VARCHAR, t.name, m.name)::JSON AS campaign_json,
  replace(t.campaign_text, t.name, m.name) AS campaign_text)
FROM made m, template t;

INSERT INTO store.run BY NAME
SELECT r.* REPLACE (
  m.run_id AS run_id, m.campaign_id AS campaign_id, m.key AS search_key, m.name AS name, m.host AS host,
  concat('facts of ', m.host) AS host_id, '[]' AS warm_start_json, m.began AS started_utc)
FROM made m, (FROM store.run WHERE name = getvariable('model_of') LIMIT 1) r;

INSERT INTO store.rules BY NAME
SELECT r.* REPLACE (concat('rules of ', m.name) AS record_id, m.campaign_id AS campaign_id, m.key AS search_key)
FROM made m, (SELECT r.* FROM store.rules r JOIN template t ON r.record_id = t.rules_record) r;

INSERT INTO store.attempt BY NAME
SELECT a.* REPLACE (
  d.attempt_id AS attempt_id, d.run_id AS run_id, d.trial_id AS trial_id, d.key AS search_key, d.n::INT AS number,
  d.role AS role, d.repeat AS repeat, d.entry AS entry, md5(concat(d.entry, d.params_json)) AS fingerprint,
  d.params_json::JSON::VARIANT AS params, d.params_json AS params_json,
  CASE WHEN d.way = 7 THEN 'infra' WHEN d.way IN (0, 6) THEN 'measured' ELSE 'failed' END AS outcome,
  coalesce(w.phase, CASE d.way WHEN 7 THEN 'start' ELSE 'done' END) AS phase,
  CASE WHEN d.way = 7 THEN 'start' WHEN d.way <> 6 THEN w.phase END AS failed_phase,
  CASE WHEN d.way = 7 THEN 'port' WHEN d.way <> 6 THEN w.cause END AS cause,
  CASE WHEN d.way <> 6 THEN w.evidence END AS evidence, d.way = 3 AS hung,
  d.began + INTERVAL (60 * d.n + 20000 * d.repeat) SECOND AS started_utc,
  d.began + INTERVAL (60 * d.n + 20000 * d.repeat + 55) SECOND AS ended_utc,
  round(30 + 25 * draw(d.c, d.n, 'took'), 3) AS seconds, d.host AS host, concat('facts of ', d.host) AS host_id,
  concat('llama-server --model $MODEL --port $PORT --threads ', d.threads, ' --batch-size ', d.batch, ' --ctx-size ',
    d.context) AS launch,
  CASE WHEN draw(d.c, d.n, 'warned') < 0.02 THEN ['D(100,20) at concurrency 1: load average 9.1 on 8 cores'] ELSE []
    END::VARCHAR[] AS warnings)
FROM deployed d LEFT JOIN ways w USING (way),
  (FROM store.attempt WHERE outcome = 'measured' AND role = 'search' ORDER BY attempt_id LIMIT 1) a
ORDER BY d.attempt_id;

INSERT INTO store.attempt_phase
SELECT attempt_id, p.phase, round(p.seconds * (0.8 + 0.4 * draw(c, n, p.phase)), 3)
FROM deployed, (VALUES ('start', 0.4), ('load', 2.0), ('ready', 0.3), ('warmup', 3.0), ('measure', 40.0)) p(phase, seconds)
WHERE way IN (0, 6) OR p.phase IN ('start', 'load') OR (way IN (4, 5) AND p.phase <> 'measure')
ORDER BY attempt_id;

INSERT INTO store.level
SELECT attempt_id, position::INT, 'D(100,20)', 'concurrency', [1, 4, 16][1 + position],
  CASE WHEN way IN (0, 6) OR position = 0 THEN 'complete' WHEN position = 1 THEN 'failed' ELSE 'not_reached' END,
  CASE WHEN way IN (0, 6) OR position < 2 THEN 12 ELSE 0 END,
  CASE WHEN way IN (0, 6) OR position = 0 THEN 12 WHEN position = 1 THEN 3 ELSE 0 END,
  CASE WHEN way NOT IN (0, 6) AND position = 1 THEN 9 ELSE 0 END,
  0, 0, 10.0, 0.4, 1.1, 0.01, 8, '{}'
FROM deployed, range(3) l(position)
WHERE way IN (0, 4, 5, 6)
ORDER BY attempt_id, position;

INSERT INTO store.level_metric
SELECT l.attempt_id, l.position, s.metric, s.stat, s.unit,
  round(s.part * CASE s.metric
    WHEN 'ttft' THEN 0.02 * l.load_value + 2 / d.speed WHEN 'tpot' THEN l.load_value / d.speed
    WHEN 'e2e' THEN 0.02 * l.load_value + 22 * l.load_value / d.speed
    WHEN 'output_throughput' THEN d.speed * [1, 2.6, 5.9][1 + l.position]
    WHEN 'request_throughput' THEN d.speed / 20 * [1, 2.6, 5.9][1 + l.position] ELSE 1 END, 6)
FROM store.level l JOIN deployed d USING (attempt_id), (
  SELECT metric, stat, 's' AS unit, part
  FROM (VALUES ('ttft'), ('tpot'), ('e2e')) m(metric),
    (VALUES ('mean', 1.0), ('p50', 0.97), ('p90', 1.12), ('p95', 1.2), ('p99', 1.35)) s(stat, part)
  UNION ALL FROM (VALUES
    ('output_throughput', 'value', 'tok/s', 1.0), ('request_throughput', 'value', 'req/s', 1.0),
    ('success_rate', 'value', 'ratio', 1.0), ('client_cpu', 'value', 'ratio', 0.04))
) s
WHERE l.state = 'complete'
ORDER BY l.attempt_id, l.position, s.metric, s.stat;

INSERT INTO store.score BY NAME
SELECT d.attempt_id, t.rules_id, CASE d.way WHEN 0 THEN 'succeeded' WHEN 7 THEN 'unmeasured' ELSE 'failed' END AS status,
  CASE WHEN d.way = 0 THEN round(d.speed, 6) END AS value,
  CASE WHEN d.way IN (0, 6) THEN round(d.speed, 6) END AS objective_value,
  CASE d.way WHEN 7 THEN NULL ELSE coalesce(w.severity, 0) END AS severity,
  CASE WHEN d.way = 0 THEN 0 END AS soft_penalty, w.phase, w.cause, w.evidence, d.way = 3 AS hung, w.hint
FROM deployed d LEFT JOIN ways w USING (way), template t;

INSERT INTO store.slo_verdict
SELECT l.attempt_id, l.position, t.rules_id, 'ttft_p99', true, 2.0, m.value, round(m.value / 2, 6),
  CASE WHEN m.value <= 2 THEN 'met' ELSE 'missed_hard' END
FROM deployed d JOIN store.level l USING (attempt_id)
JOIN store.level_metric m ON m.attempt_id = l.attempt_id AND m.position = l.position AND m.metric = 'ttft' AND m.stat = 'p99',
  template t
WHERE d.way IN (0, 6);

INSERT INTO store.rejection BY NAME
SELECT printf('%08x-%04x-7f00-8000-000000000000', m.c, i) AS rejection_id, m.run_id, m.key AS search_key, 0 AS series,
  'f16' AS entry, 'llama_cpp' AS runtime, md5(concat('refused', i)) AS fingerprint, p::JSON::VARIANT AS params,
  p AS params_json, 'memory' AS rule, 'needs 46.1 GB of 17.2 GB' AS reason, m.began AS rejected_utc
FROM made m, (SELECT i, printf('{"ctx-size":%d}', 2000000 + i) AS p FROM range(3) r(i));

-- The fastest against both defaults and the second.
INSERT INTO store.comparison BY NAME
WITH means AS (
  SELECT *, row_number() OVER (PARTITION BY c ORDER BY speed DESC) AS place
  FROM (
    SELECT c, n, trial_id, key, run_id, began, avg(speed) AS speed, count(*) AS repeats
    FROM deployed WHERE role = 'confirm' GROUP BY ALL
  )
)
SELECT printf('%08x-%04x-7fff-8000-000000000000', a.c, b.n) AS comparison_id, a.run_id, a.key AS search_key, 0 AS series,
  a.trial_id AS trial_a, b.trial_id AS trial_b, 'output_throughput' AS metric, 'tok/s' AS unit,
  CASE WHEN ln(a.speed / b.speed) > 0.05 THEN 'better' ELSE 'inconclusive' END AS verdict,
  round(ln(a.speed / b.speed), 6) AS log_ratio, round(ln(a.speed / b.speed) - 0.05, 6) AS low,
  round(ln(a.speed / b.speed) + 0.05, 6) AS high, round(a.speed, 6) AS value_a, round(b.speed, 6) AS value_b,
  a.repeats::INT AS repeats, 'native' AS client, '3 repeats of each' AS reason,
  a.began + INTERVAL 90 MINUTE AS compared_utc, 'confirm' AS purpose, 0.95 AS confidence, 8 AS at_most,
  0.001 AS drift, -0.01 AS drift_low, 0.012 AS drift_high
FROM means a JOIN means b ON b.c = a.c AND b.n <> a.n
WHERE a.place = 1;

INSERT INTO store.run_end BY NAME
SELECT m.run_id, concat('end of ', m.run_id) AS record_id, max(d.began) + INTERVAL 95 MINUTE AS ended_utc,
  'trials' AS end_reason, 5700.0 AS seconds, getvariable('trials')::INT AS trials,
  (count(*) FILTER (WHERE d.way = 0 AND d.role <> 'confirm'))::INT AS succeeded,
  (count(*) FILTER (WHERE d.way BETWEEN 1 AND 6 AND d.role <> 'confirm'))::INT AS failed, '' AS message
FROM made m JOIN deployed d USING (c) GROUP BY ALL;
