-- What the detail file of a trial says of it: each trial of the shown series of a campaign, those too of which every
-- attempt was withdrawn.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          order of proposal, from 0
--   trial_id VARCHAR        id
--   attempt_id VARCHAR      attempt that decided; NULL when it was withdrawn
--   entry VARCHAR           runtime block
--   runtime VARCHAR         inference engine
--   params_json VARCHAR     what the sampler chose
--   status VARCHAR          succeeded, failed, unmeasured, withdrawn
--   is_best BOOLEAN         the campaign's best trial
--   objective VARCHAR       metric of the scores
--   objective_value DOUBLE  the objective as measured
--   score DOUBLE            the same made worse by missed soft SLOs
--   confirmed_score DOUBLE  mean of the succeeded confirm attempts
--   confirm_repeats BIGINT  how many they are
--   phase VARCHAR           how far it got
--   cause VARCHAR           of the failure
--   severity DOUBLE         0 for a success, in (0, 1) for a failure
--   penalty DOUBLE          of a failure, in the objective's unit
--   hung BOOLEAN            a deadline or the watchdog ended it
--   evidence VARCHAR        line that proves it
--   rule VARCHAR            signature that matched
--   exit_code INTEGER       of the engine
--   signal VARCHAR          that ended the engine
--   hint VARCHAR            what to do about it
--   launch VARCHAR          command line with $MODEL and $PORT
WITH gone AS (
  SELECT s.campaign, r.*
  FROM retractions r
  JOIN shown s ON s.search_key = r.search_key AND s.series = r.series
  ANTI JOIN shown_trials t ON t.search_key = r.search_key AND t.number = r.number
  WHERE r.role <> 'confirm'
  QUALIFY row_number() OVER (PARTITION BY s.campaign, r.number ORDER BY r.started_utc, r.attempt_id) = 1
)
SELECT
  t.campaign, t.number, t.trial_id, t.attempt_id, t.entry, t.runtime, t.params_json, t.status,
  b.trial_id IS NOT NULL AS is_best, t.objective, t.objective_value, t.score, t.confirmed_score, t.confirm_repeats,
  t.phase, t.cause, t.severity, t.penalty, coalesce(t.hung, false) AS hung, t.evidence, f.rule, f.exit_code, f.signal,
  t.hint, t.launch
FROM shown_trials t
LEFT JOIN shown_best b ON b.trial_id = t.trial_id
LEFT JOIN failures f ON f.attempt_id = t.attempt_id
UNION ALL
SELECT
  campaign, number, trial_id, NULL, entry, runtime, params_json, 'withdrawn', false, objective, NULL, NULL, NULL, 0,
  NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL
FROM gone
ORDER BY campaign, number
