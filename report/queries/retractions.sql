-- An attempt that was withdrawn as wrong: what it had said, why, who and when. The latest first.
-- columns:
--   campaign VARCHAR        name
--   attempt_id VARCHAR      the attempt
--   shown BOOLEAN           it decided over a trial of the shown series, or would have
--   series INTEGER          repetition of the lineage
--   number INTEGER          of the trial
--   role VARCHAR            why it ran
--   repeat INTEGER          round of a confirm attempt
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler chose
--   outcome VARCHAR         what it had been
--   objective VARCHAR       metric of the score
--   score DOUBLE            what it had scored; it counts nowhere
--   seconds DOUBLE          wall time (s)
--   reason VARCHAR          why it was withdrawn
--   by VARCHAR              who; empty when nobody was named
--   retracted_utc TIMESTAMP when
SELECT
  s.campaign, r.attempt_id,
  r.search_key = s.search_key AND r.series = s.series AND r.role <> 'confirm' AS shown,
  r.series, r.number, r.role, r.repeat, r.entry, r.params_json, r.outcome, r.objective, r.score, r.seconds, r.reason,
  r."by", r.retracted_utc
FROM retractions r
JOIN shown s ON s.campaign = r.campaign
ORDER BY r.retracted_utc DESC, s.campaign, r.number, r.repeat, r.attempt_id
