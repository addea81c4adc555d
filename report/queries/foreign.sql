-- A load that another tool measured, from an imported result file. No other query reads these.
-- columns:
--   foreign_id VARCHAR       id of the record
--   position INTEGER         order of the loads in the file
--   tool VARCHAR             what measured
--   tool_version VARCHAR     NULL where the file does not say it
--   model VARCHAR            as the file names it
--   started_utc TIMESTAMP    when it was measured; NULL where the file does not say it
--   imported_utc TIMESTAMP   when it was imported
--   load_kind VARCHAR        concurrency or rate; NULL where the file does not say it
--   load_value DOUBLE        users, or requests per second
--   ok INTEGER               requests answered in full
--   failed INTEGER           requests that ended with an error
--   output_throughput DOUBLE tokens per second
--   ttft_p50 DOUBLE          median time to the first token (s)
--   ttft_p99 DOUBLE          its 99th percentile (s)
--   e2e_p99 DOUBLE           99th percentile of the time to the last token (s)
SELECT
  f.foreign_id, f.position, any_value(f.tool) AS tool, any_value(f.tool_version) AS tool_version,
  any_value(f.model) AS model, any_value(f.started_utc) AS started_utc, any_value(f.imported_utc) AS imported_utc,
  any_value(f.load_kind) AS load_kind, any_value(f.load_value) AS load_value, any_value(f.ok) AS ok,
  any_value(f.failed) AS failed,
  max(m.value) FILTER (WHERE m.metric = 'output_throughput' AND m.stat IN ('value', 'mean')) AS output_throughput,
  max(m.value) FILTER (WHERE m.metric = 'ttft' AND m.stat = 'p50') AS ttft_p50,
  max(m.value) FILTER (WHERE m.metric = 'ttft' AND m.stat = 'p99') AS ttft_p99,
  max(m.value) FILTER (WHERE m.metric = 'e2e' AND m.stat = 'p99') AS e2e_p99
FROM foreign_results f
LEFT JOIN foreign_metrics m USING (foreign_id, position)
GROUP BY f.foreign_id, f.position
ORDER BY tool, imported_utc DESC, f.foreign_id, f.position
