-- When an attempt of the shown series of a campaign ran and on what, withdrawn ones too: they took time as well. Whole
-- milliseconds: sums of them are the same in any order.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          of the trial
--   role VARCHAR            why the attempt ran
--   run_id VARCHAR          run that made it
--   host VARCHAR            machine
--   gpu_uuids VARCHAR[]     GPUs that it was given; none on CPU
--   begin_ms BIGINT         when it began (ms since 1970)
--   total_ms BIGINT         wall time (ms)
--   before_ms BIGINT        in it: pre-check, and waiting for a lease (ms)
--   deploy_ms BIGINT        pull, start, load, ready (ms)
--   measure_ms BIGINT       warm-up and levels, and the answers that a quality guard asks for (ms)
--   after_ms BIGINT         judging by SLOs (ms)
--   withdrawn BOOLEAN       somebody withdrew it; nothing is known of its phases
--   phase VARCHAR           where it failed; NULL when it did not
--   cause VARCHAR           why
WITH spent AS (
  SELECT attempt_id,
    sum(ms) FILTER (WHERE phase IN ('precheck', 'lease')) AS before_ms,
    sum(ms) FILTER (WHERE phase IN ('pull', 'start', 'load', 'ready')) AS deploy_ms,
    sum(ms) FILTER (WHERE phase IN ('warmup', 'measure')) AS measure_ms,
    sum(ms) FILTER (WHERE phase = 'slo') AS slo_ms
  FROM (SELECT attempt_id, phase, round(1000 * seconds)::BIGINT AS ms FROM phases)
  GROUP BY attempt_id
), made AS (
  SELECT
    a.search_key, a.series, a.attempt_id, a.number, a.role, a.run_id, a.host, a.gpu_uuids, a.started_utc, a.seconds,
    coalesce(p.before_ms, 0) AS before_ms, coalesce(p.deploy_ms, 0) AS deploy_ms,
    coalesce(p.measure_ms, 0) + CASE WHEN q.attempt_id IS NULL THEN 0 ELSE coalesce(p.slo_ms, 0) END AS measure_ms,
    CASE WHEN q.attempt_id IS NULL THEN coalesce(p.slo_ms, 0) ELSE 0 END AS after_ms,
    false AS withdrawn,
    CASE WHEN o.status = 'failed' THEN o.phase WHEN a.outcome <> 'measured' THEN coalesce(a.failed_phase, a.phase) END AS phase,
    CASE WHEN o.status = 'failed' THEN o.cause WHEN a.outcome <> 'measured' THEN coalesce(a.cause, a.outcome) END AS cause
  FROM attempts a
  LEFT JOIN spent p USING (attempt_id)
  LEFT JOIN (SELECT attempt_id, status, phase, cause FROM scores WHERE latest) o USING (attempt_id)
  LEFT JOIN quality q USING (attempt_id)
  UNION ALL
  SELECT
    r.search_key, r.series, r.attempt_id, r.number, r.role, r.run_id, u.host, NULL, r.started_utc, r.seconds,
    0, 0, 0, 0, true, NULL, NULL
  FROM retractions r JOIN runs u USING (run_id)
)
SELECT
  s.campaign, m.number, m.role, m.run_id, m.host, m.gpu_uuids, epoch_ms(m.started_utc) AS begin_ms,
  round(1000 * m.seconds)::BIGINT AS total_ms, m.before_ms::BIGINT AS before_ms, m.deploy_ms::BIGINT AS deploy_ms,
  m.measure_ms::BIGINT AS measure_ms, m.after_ms::BIGINT AS after_ms, m.withdrawn, m.phase, m.cause
FROM made m
JOIN shown s ON s.search_key = m.search_key AND s.series = m.series
ORDER BY s.campaign, m.started_utc, m.attempt_id
