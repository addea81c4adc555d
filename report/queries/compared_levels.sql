-- A level of the best trial of a campaign or of the default of its entry, as the search measured it.
-- columns:
--   campaign VARCHAR        name
--   which VARCHAR           best or default
--   number INTEGER          of the trial
--   position INTEGER        order of measuring
--   scenario VARCHAR        token lengths
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   state VARCHAR           complete, degraded, failed, not_reached
--   sent INTEGER            requests sent
--   ok INTEGER              answered in full
--   failed INTEGER          ended with an error
--   lost INTEGER            no answer before the end of the level
--   short INTEGER           of the ok ones, fewer tokens than asked
--   seconds DOUBLE          measured window (s)
--   load_before DOUBLE      load average of the machine before
--   load_after DOUBLE       and after
--   steal DOUBLE            share of CPU time stolen by the hypervisor
--   cpus INTEGER            cores they refer to
--   ttft_p50 DOUBLE         time to first token (s)
--   ttft_p90 DOUBLE         time to first token (s)
--   ttft_p99 DOUBLE         time to first token (s)
--   tpot_p50 DOUBLE         time per output token (s)
--   tpot_p90 DOUBLE         time per output token (s)
--   tpot_p99 DOUBLE         time per output token (s)
--   e2e_p50 DOUBLE          end-to-end latency (s)
--   e2e_p90 DOUBLE          end-to-end latency (s)
--   e2e_p99 DOUBLE          end-to-end latency (s)
--   output_throughput DOUBLE tokens per second
--   request_throughput DOUBLE requests per second
--   success_rate DOUBLE     ok / sent
SELECT
  c.campaign, c.which, c.number, l.position, l.scenario,
  l.load_kind, l.load_value, l.state, l.sent, l.ok, l.failed, l.lost, l.short, l.seconds, l.load_before, l.load_after,
  l.steal, l.cpus, n.ttft_p50, n.ttft_p90, n.ttft_p99, n.tpot_p50, n.tpot_p90, n.tpot_p99, n.e2e_p50, n.e2e_p90,
  n.e2e_p99, n.output_throughput, n.request_throughput, n.success_rate
FROM compared c
JOIN levels l USING (attempt_id)
LEFT JOIN level_numbers n USING (attempt_id, position)
ORDER BY c.campaign, c.which, min(l.position) OVER (PARTITION BY c.campaign, c.which, l.scenario), l.load_value
