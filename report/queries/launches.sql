-- What others need to start the same: the launch of the best trial of a campaign, and of the best one of each other
-- entry, from the first attempt that was measured.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          of the trial
--   entry VARCHAR           runtime block
--   is_best BOOLEAN         the campaign's best trial; the others are the best of their entry in the search
--   launch VARCHAR          command line with $MODEL and $PORT
--   runtime VARCHAR         inference engine
--   engine VARCHAR          what answered
--   engine_version VARCHAR  its version
--   hardware VARCHAR        CPU, or number and name of the GPUs
--   gpus INTEGER            GPUs of an attempt
--   cpus INTEGER            CPUs that its engine was pinned to; 0: all
--   deploy VARCHAR          where engines ran
--   shm_size VARCHAR        shared memory of a container, as the campaign has it
--   image VARCHAR           container image of the entry, as the campaign has it
--   image_digest VARCHAR    image it was
--   pass_env VARCHAR[]      variables that the engine takes from its reader's environment
--   hub_id VARCHAR          model, where it comes from a hub
--   model VARCHAR           model, short
WITH chosen AS (
  SELECT t.*, b.trial_id IS NOT NULL AS is_best
  FROM shown_trials t LEFT JOIN shown_best b ON b.trial_id = t.trial_id
  WHERE t.status = 'succeeded'
  QUALIFY row_number() OVER (
    PARTITION BY t.search_key, t.entry
    ORDER BY b.trial_id IS NULL, CASE t.goal WHEN 'maximize' THEN -t.score ELSE t.score END, t.number) = 1
), measured AS (
  SELECT * FROM attempts WHERE outcome = 'measured' AND launch <> ''
  QUALIFY row_number() OVER (PARTITION BY trial_id ORDER BY started_utc, attempt_id) = 1
), told AS (
  SELECT campaign_id, hardware, gpus, deploy, model, campaign_json::JSON AS resolved FROM campaigns
)
SELECT
  s.campaign, t.number, t.entry, t.is_best, a.launch, t.runtime, a.engine, a.engine_version, c.hardware, c.gpus,
  coalesce((c.resolved ->> '$.hardware.cpus')::INTEGER, 0) AS cpus,
  c.deploy, c.resolved ->> '$.deploy.options.shm_size' AS shm_size, e.block ->> '$.options.image' AS image,
  a.image_digest, (e.block -> '$.pass_env')::VARCHAR[] AS pass_env, c.resolved ->> '$.model.id' AS hub_id, c.model
FROM shown s
JOIN chosen t ON t.search_key = s.search_key
JOIN measured a ON a.trial_id = t.trial_id
JOIN told c ON c.campaign_id = s.campaign_id
LEFT JOIN LATERAL (
  SELECT block FROM (SELECT unnest((c.resolved -> '$.entries')::JSON[]) AS block) WHERE block ->> '$.name' = t.entry
) e ON true
ORDER BY s.campaign, NOT t.is_best, t.entry
