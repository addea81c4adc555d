-- A level of the best trial of a run, for the runs of the query `compared_runs`.
-- columns:
--   campaign VARCHAR        name
--   run INTEGER             number in the order of start, from 1
--   position INTEGER        order of measuring
--   scenario VARCHAR        token lengths
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   state VARCHAR           complete, degraded, failed, not_reached
--   ttft_p50 DOUBLE         time to first token (s)
--   ttft_p99 DOUBLE         time to first token (s)
--   tpot_p50 DOUBLE         time per output token (s)
--   tpot_p99 DOUBLE         time per output token (s)
--   output_throughput DOUBLE tokens per second
SELECT
  r.campaign, r.run, l.position, l.scenario, l.load_kind, l.load_value, l.state, n.ttft_p50, n.ttft_p99, n.tpot_p50,
  n.tpot_p99, n.output_throughput
FROM numbered_runs r
JOIN run_best b USING (run_id)
JOIN levels l ON l.attempt_id = b.attempt_id
LEFT JOIN level_numbers n ON n.attempt_id = l.attempt_id AND n.position = l.position
WHERE r.run > r.runs - 100
ORDER BY r.campaign, r.run DESC, l.position
