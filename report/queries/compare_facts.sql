-- The best trial of a campaign with the facts that decide what it may be compared with (runner.stats.compare).
-- columns:
--   campaign VARCHAR        name
--   runs INTEGER            how often it ran
--   number INTEGER          of the best trial
--   entry VARCHAR           its entry
--   runtime VARCHAR         its engine
--   params_json VARCHAR     what the sampler chose
--   objective VARCHAR       metric, with its statistic
--   objective_at VARCHAR    which level counts
--   goal VARCHAR            maximize or minimize
--   unit VARCHAR            of the score
--   score DOUBLE            confirmed, or of the search
--   basis VARCHAR           confirmed or search
--   client VARCHAR          load generator
--   client_version VARCHAR  its version
--   workload_key VARCHAR    workload and client
--   model VARCHAR           model, short
--   model_revision VARCHAR  revision
--   hardware VARCHAR        CPU, or number and name of the GPUs
--   gpu VARCHAR             names of the GPUs of the host
--   cpu_model VARCHAR       as the system names it
--   host VARCHAR            machine
--   engine_version VARCHAR  of what answered
--   image_digest VARCHAR    container image
SELECT
  s.campaign, r.runs, t.number, t.entry, t.runtime, t.params_json, s.objective, s.objective_at, s.goal, s.unit,
  b.score, b.basis, a.client, a.client_version, a.workload_key, s.model, c.model_revision, s.hardware, h.gpu,
  h.cpu_model, a.host, a.engine_version, a.image_digest
FROM shown s
JOIN campaigns c USING (campaign_id)
JOIN numbered_runs r ON r.campaign = s.campaign AND r.run = 1
JOIN shown_best b ON b.search_key = s.search_key
JOIN shown_trials t ON t.trial_id = b.trial_id
JOIN attempts a ON a.attempt_id = t.attempt_id
LEFT JOIN hosts h USING (host_id)
ORDER BY s.campaign
