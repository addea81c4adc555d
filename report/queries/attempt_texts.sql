-- What the detail file of a trial says of each of its attempts, withdrawn ones too: words and numbers as lines of text,
-- since there are as many files as trials.
-- columns:
--   campaign VARCHAR        name of the campaign of the shown series
--   trial_id VARCHAR        trial
--   attempt_id VARCHAR      the attempt, and its record
--   told VARCHAR            why it ran, how it ended, when
--   spent VARCHAR           time in each phase
--   measured VARCHAR[]      a line of numbers for each level
--   evidence VARCHAR        of a failure: the line that proves it
--   message VARCHAR[]       first message of each kind of error of its requests
--   warnings VARCHAR[]      what a reader of the numbers should know
--   reason VARCHAR          why it was withdrawn
WITH spent AS (
  SELECT attempt_id, concat_ws(', ',
    format('precheck {:.2f} s', max(seconds) FILTER (WHERE phase = 'precheck')),
    format('lease {:.2f} s', max(seconds) FILTER (WHERE phase = 'lease')),
    format('pull {:.2f} s', max(seconds) FILTER (WHERE phase = 'pull')),
    format('start {:.2f} s', max(seconds) FILTER (WHERE phase = 'start')),
    format('load {:.2f} s', max(seconds) FILTER (WHERE phase = 'load')),
    format('ready {:.2f} s', max(seconds) FILTER (WHERE phase = 'ready')),
    format('warmup {:.2f} s', max(seconds) FILTER (WHERE phase = 'warmup')),
    format('measure {:.2f} s', max(seconds) FILTER (WHERE phase = 'measure')),
    format('slo {:.2f} s', max(seconds) FILTER (WHERE phase = 'slo'))) AS spent
  FROM phases GROUP BY attempt_id
), measured AS (
  SELECT l.attempt_id, list(concat(
    format('{:>6d} {:>6d}', l.ok, l.sent),
    coalesce(format('{:>12.1f}', n.output_throughput), '           –'),
    coalesce(format('{:>12.2f}', n.request_throughput), '           –'),
    coalesce(format('{:>10.1f}', 1000 * n.ttft_p50), '         –'),
    coalesce(format('{:>10.1f}', 1000 * n.ttft_p99), '         –'),
    coalesce(format('{:>10.2f}', 1000 * n.tpot_p50), '         –'),
    coalesce(format('{:>10.2f}', 1000 * n.tpot_p99), '         –'),
    coalesce(format('{:>10.1f}', 1000 * n.e2e_p99), '         –'),
    format('  {:<12} {} {:g}, {}', l.state, l.load_kind, l.load_value, l.scenario)
  ) ORDER BY l.position) AS measured
  FROM levels l LEFT JOIN level_numbers n USING (attempt_id, position)
  WHERE l.state <> 'not_reached'
  GROUP BY l.attempt_id
), said AS (
  SELECT attempt_id, list(concat(n, ' x ', kind, ' at level ', position, ': ', message) ORDER BY position, kind) AS message
  FROM request_errors GROUP BY attempt_id
), made AS (
  SELECT
    a.trial_id, a.attempt_id, a.search_key, a.series, a.started_utc,
    concat(
      a.role, CASE WHEN a.repeat > 0 THEN ' ' || a.repeat ELSE '' END, ': ', a.outcome,
      CASE WHEN a.outcome = 'measured' THEN '' ELSE concat(' at ', coalesce(a.failed_phase, a.phase), ' (', a.cause, ')') END,
      format(' after {:.1f} s', a.seconds), '; reached ', a.phase, '; began ', strftime(a.started_utc, '%Y-%m-%d %H:%M:%S UTC'),
      '; client ', a.client, ' ', a.client_version, CASE WHEN a.engine IS NULL THEN '' ELSE concat('; engine ', a.engine, ' ', a.engine_version) END
    ) AS told,
    a.evidence, a.warnings, NULL AS reason
  FROM attempts a
  UNION ALL
  SELECT
    r.trial_id, r.attempt_id, r.search_key, r.series, r.started_utc,
    concat(r.role, ': ', r.outcome, format(' after {:.1f} s', r.seconds), '; began ',
      strftime(r.started_utc, '%Y-%m-%d %H:%M:%S UTC'), '; withdrawn'),
    NULL, [], r.reason
  FROM retractions r
)
SELECT
  s.campaign, m.trial_id, m.attempt_id, m.told, p.spent, l.measured, m.evidence, e.message, m.warnings, m.reason
FROM made m
JOIN shown s ON s.search_key = m.search_key AND s.series = m.series
LEFT JOIN spent p ON p.attempt_id = m.attempt_id
LEFT JOIN measured l ON l.attempt_id = m.attempt_id
LEFT JOIN said e ON e.attempt_id = m.attempt_id
ORDER BY s.campaign, m.trial_id, m.started_utc, m.attempt_id
