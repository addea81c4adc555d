-- What a million output tokens take at a level, as one deployment measured it: of the best trial of a campaign, and of
-- each other entry the best of the search. Only levels of one setting may stand in one picture.
-- columns:
--   campaign_name VARCHAR   campaign
--   setting VARCHAR         model, hardware, token lengths, load generator and machine
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   is_best BOOLEAN         the campaign's best trial
--   position INTEGER        order of measuring
--   load_kind VARCHAR       concurrency or an open loop
--   load_value DOUBLE       users, or requests per second
--   output_throughput DOUBLE tokens per second
--   tpot_p50 DOUBLE         time per output token (s)
--   gpus INTEGER            of an attempt; 0 on CPU
--   hours DOUBLE            GPU-hours, on CPU machine-hours, per million output tokens
--   price DOUBLE            per million output tokens; NULL when the file names no price
--   currency VARCHAR        of the price
--   energy_per_token DOUBLE of the GPUs (J/tok); NULL when nothing measured it
--   cpu_energy_per_token DOUBLE of the CPU packages (J/tok); NULL when nothing measured it
--   energy_error DOUBLE     how far off the GPUs' energy may be, as a share of it
WITH chosen AS (
  SELECT t.*, b.trial_id IS NOT NULL AS is_best
  FROM shown_trials t LEFT JOIN shown_best b USING (trial_id)
  WHERE t.status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY t.search_key, t.entry
    ORDER BY b.trial_id IS NULL, CASE t.goal WHEN 'maximize' THEN -t.score ELSE t.score END, t.number) = 1
), joules AS (
  SELECT m.attempt_id, m.position,
    max(m.value) FILTER (WHERE m.metric = 'energy_per_token') AS energy_per_token,
    max(m.value) FILTER (WHERE m.metric = 'cpu_energy_per_token') AS cpu_energy_per_token,
    max(m.value) FILTER (WHERE m.metric = 'energy_error') AS energy_error
  FROM metrics m JOIN chosen c USING (attempt_id)
  WHERE m.metric IN ('energy_per_token', 'cpu_energy_per_token', 'energy_error')
  GROUP BY m.attempt_id, m.position
)
SELECT
  t.campaign AS campaign_name, concat_ws(' · ', t.model, t.hardware, l.scenario, concat_ws(' ', a.client, 'client', a.client_version), a.host) AS setting,
  t.number, t.entry, t.params_json, t.is_best, l.position, l.load_kind, l.load_value, n.output_throughput, n.tpot_p50,
  c.gpus, 1e6 / n.output_throughput / 3600 * greatest(c.gpus, 1) AS hours,
  CASE WHEN c.gpus > 0 THEN 1e6 / n.output_throughput / 3600 * c.gpus * c.price_per_gpu_hour END AS price,
  CASE WHEN c.gpus > 0 AND c.price_per_gpu_hour IS NOT NULL THEN c.currency END AS currency,
  j.energy_per_token, j.cpu_energy_per_token, j.energy_error
FROM chosen t
JOIN shown s ON s.search_key = t.search_key
JOIN campaigns c ON c.campaign_id = s.campaign_id
JOIN attempts a ON a.attempt_id = t.attempt_id
JOIN levels l ON l.attempt_id = t.attempt_id AND l.state = 'complete'
JOIN level_numbers n ON n.attempt_id = l.attempt_id AND n.position = l.position
LEFT JOIN joules j ON j.attempt_id = l.attempt_id AND j.position = l.position
WHERE n.output_throughput > 0
ORDER BY setting, campaign_name, t.entry, l.load_value, l.position
