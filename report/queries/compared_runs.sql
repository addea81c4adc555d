-- A run of a campaign that ran more than once, the latest first and at most a hundred of each: the best trial of what it
-- measured itself, with the facts that decide what it may be compared with (runner.stats.compare).
-- columns:
--   campaign VARCHAR        name
--   run INTEGER             number in the order of start, from 1
--   runs INTEGER            how often the campaign ran
--   begin_ms BIGINT         when the run began (ms since 1970)
--   seconds DOUBLE          wall time (s); NULL while it runs, or when it was killed
--   end_reason VARCHAR      why it ended
--   trials INTEGER          trials of the series when it ended, earlier runs included
--   failed INTEGER          of them failed
--   number INTEGER          of the best trial; NULL when no attempt of the run succeeded, like all that is told of it
--   entry VARCHAR           its entry
--   runtime VARCHAR         its engine
--   params_json VARCHAR     what the sampler chose
--   objective VARCHAR       metric, with its statistic
--   objective_at VARCHAR    which level counts
--   goal VARCHAR            maximize or minimize
--   unit VARCHAR            of the score
--   score DOUBLE            confirmed by this run, or of its search
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
  r.campaign, r.run, r.runs, epoch_ms(r.started_utc) AS begin_ms, r.seconds, r.end_reason, r.trials, r.failed,
  t.number, t.entry, t.runtime, t.params_json, q.objective, q.objective_at, q.goal, q.unit, b.score, b.basis,
  a.client, a.client_version, a.workload_key, c.model, c.model_revision, c.hardware, h.gpu, h.cpu_model, a.host,
  a.engine_version, a.image_digest
FROM numbered_runs r
LEFT JOIN run_best b USING (run_id)
LEFT JOIN known_trials t ON t.trial_id = b.trial_id
LEFT JOIN attempts a ON a.attempt_id = b.attempt_id
LEFT JOIN hosts h USING (host_id)
LEFT JOIN campaigns c ON c.campaign_id = r.campaign_id
LEFT JOIN rules q ON q.search_key = r.search_key AND q.latest
WHERE r.runs > 1 AND r.run > r.runs - 100
ORDER BY r.campaign, r.run DESC
