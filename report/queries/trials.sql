-- A trial of the shown series of a campaign, with the best score up to it.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          order of proposal, from 0
--   trial_id VARCHAR        id
--   attempt_id VARCHAR      attempt that decided
--   entry VARCHAR           runtime block
--   runtime VARCHAR         inference engine
--   is_default BOOLEAN      nothing but the entry's fixed flags
--   params_json VARCHAR     what the sampler chose
--   status VARCHAR          succeeded, failed, unmeasured
--   objective VARCHAR       metric of the scores
--   objective_value DOUBLE  the objective as measured; a missed hard SLO keeps it
--   score DOUBLE            the same made worse by missed soft SLOs; NULL without success
--   confirmed_score DOUBLE  mean of the succeeded confirm attempts
--   confirm_repeats BIGINT  how many they are
--   best_so_far DOUBLE      best score of trials up to this one
--   is_best BOOLEAN         the campaign's best trial
--   phase VARCHAR           how far it got
--   cause VARCHAR           of the failure
--   severity DOUBLE         0 for a success, in (0, 1) for a failure
--   penalty DOUBLE          of a failure, in the objective's unit
--   penalty_classic DOUBLE  what a time-graded penalty would have told the optimiser
--   seconds DOUBLE          wall time of the deciding attempt (s)
--   attempts BIGINT         attempts of any role
--   launch VARCHAR          command line with $MODEL and $PORT
SELECT
  t.campaign, t.number, t.trial_id, t.attempt_id, t.entry, t.runtime, t.is_default, t.params_json, t.status, t.objective,
  t.objective_value, t.score, t.confirmed_score, t.confirm_repeats,
  CASE t.goal
    WHEN 'maximize' THEN max(t.score) OVER so_far
    ELSE min(t.score) OVER so_far
  END AS best_so_far,
  b.trial_id IS NOT NULL AS is_best,
  t.phase, t.cause, t.severity, t.penalty, t.penalty_classic::DOUBLE AS penalty_classic, t.seconds, t.attempts, t.launch
FROM shown_trials t
LEFT JOIN shown_best b ON b.trial_id = t.trial_id
WINDOW so_far AS (PARTITION BY t.search_key ORDER BY t.number ROWS UNBOUNDED PRECEDING)
ORDER BY t.campaign, t.number
