-- A level that a trial measured to its end. Only levels of one setting may stand in one picture.
-- columns:
--   campaign_name VARCHAR   campaign
--   setting VARCHAR         model, hardware, token lengths, load generator and machine
--   model VARCHAR           model, short
--   hardware VARCHAR        CPU, or number and name of the GPUs
--   scenario VARCHAR        token lengths
--   client VARCHAR          load generator
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   position INTEGER        order of measuring
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   ttft_p50 DOUBLE         time to first token (s)
--   output_throughput DOUBLE tokens per second
--   status VARCHAR          of the trial: a failed one may have measured lighter levels
--   campaign_absent BIGINT  failed trials of the campaign without any level here
SELECT
  t.campaign AS campaign_name,
  concat_ws(' · ', t.model, t.hardware, l.scenario, concat_ws(' ', a.client, 'client', a.client_version), a.host) AS setting,
  t.model, t.hardware, l.scenario, a.client, t.number, t.entry, t.params_json, l.position, l.load_kind, l.load_value,
  n.ttft_p50, n.output_throughput, t.status, coalesce(f.absent, 0) AS campaign_absent
FROM shown_trials t
JOIN attempts a ON a.attempt_id = t.attempt_id
JOIN levels l ON l.attempt_id = t.attempt_id
JOIN level_numbers n ON n.attempt_id = l.attempt_id AND n.position = l.position
LEFT JOIN (
  SELECT search_key, count(*) AS absent
  FROM shown_trials
  ANTI JOIN (SELECT attempt_id FROM levels WHERE state = 'complete') USING (attempt_id)
  WHERE status = 'failed'
  GROUP BY search_key
) f ON f.search_key = t.search_key
WHERE l.state = 'complete' AND n.ttft_p50 IS NOT NULL AND n.output_throughput IS NOT NULL
ORDER BY setting, campaign_name, t.number, l.position
