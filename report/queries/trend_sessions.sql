-- A configuration in one run: what its attempts measured. Only configurations that two runs or more measured, on one
-- host, with one client and one workload; engine and image may differ from run to run.
-- columns:
--   campaign_name VARCHAR   campaign
--   model VARCHAR           model, short
--   hardware VARCHAR        CPU, or number and name of the GPUs
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   fingerprint VARCHAR     of the configuration
--   host VARCHAR            where it ran
--   client VARCHAR          load generator
--   client_version VARCHAR  its version
--   workload_key VARCHAR    workload and client
--   objective VARCHAR       metric of the values
--   goal VARCHAR            maximize or minimize
--   run_id VARCHAR          the run
--   moment TIMESTAMP        start of its first attempt on it (UTC)
--   number INTEGER          of the trial
--   engine VARCHAR          what answered
--   engine_version VARCHAR  its version
--   image_digest VARCHAR    container image
--   attempts BIGINT         deployments
--   failed BIGINT           of them without a result
--   phase VARCHAR           where the last of these failed
--   cause VARCHAR           and why
--   samples DOUBLE[]        the objective in each that succeeded
SELECT
  n.campaign AS campaign_name, t.model, t.hardware, a.entry, t.params_json, t.fingerprint, a.host, a.client,
  a.client_version, a.workload_key, t.objective, t.goal, a.run_id, min(a.started_utc) AS moment,
  min(a.number) AS number, max(a.engine) AS engine, max(a.engine_version) AS engine_version,
  max(a.image_digest) AS image_digest, count(*) AS attempts,
  count(*) FILTER (WHERE o.status IS DISTINCT FROM 'succeeded') AS failed,
  arg_max(coalesce(o.phase, a.phase), a.ended_utc) FILTER (WHERE o.status IS DISTINCT FROM 'succeeded') AS phase,
  arg_max(coalesce(o.cause, a.cause), a.ended_utc) FILTER (WHERE o.status IS DISTINCT FROM 'succeeded') AS cause,
  coalesce(list(o.objective_value ORDER BY a.attempt_id)
    FILTER (WHERE o.status = 'succeeded' AND o.objective_value > 0), []) AS samples
FROM attempts a
JOIN known_trials t USING (trial_id)
JOIN lineage_names n ON n.search_key = a.search_key
LEFT JOIN scores o ON o.attempt_id = a.attempt_id AND o.latest
WHERE a.outcome IN ('measured', 'failed') AND a.role IN ('search', 'baseline', 'repeat', 'confirm', 'retry', 'gate')
GROUP BY n.campaign, t.model, t.hardware, a.entry, t.params_json, t.fingerprint, a.host, a.client, a.client_version,
  a.workload_key, t.objective, t.goal, a.run_id
QUALIFY count(*) OVER (
  PARTITION BY campaign_name, t.model, t.hardware, t.fingerprint, a.host, a.client, a.client_version, a.workload_key,
    t.objective) > 1
ORDER BY campaign_name, a.entry, t.params_json, t.fingerprint, a.host, a.client, a.client_version, a.workload_key,
  t.objective, moment, a.run_id
