-- A level that a trial measured to its end. Only levels of one setting may stand in one picture.
-- columns:
--   campaign_name VARCHAR   campaign
--   setting VARCHAR         model, hardware, token lengths, load generator and machine
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   position INTEGER        order of measuring
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   ttft_p50 DOUBLE         time to first token (s)
--   output_throughput DOUBLE tokens per second
--   status VARCHAR          of the trial: a failed one may have measured lighter levels
--   is_best BOOLEAN         the campaign's best trial
--   campaign_absent BIGINT  failed trials of the campaign without any level here
SELECT
  campaign_name, setting, number, entry, params_json, position, load_kind, load_value, ttft_p50, output_throughput, status,
  is_best, campaign_absent
FROM shown_levels
ORDER BY setting, campaign_name, number, position
