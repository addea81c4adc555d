-- A refused configuration that was deployed all the same, in the shown series of a campaign. Wrong refusals first.
-- columns:
--   campaign VARCHAR        name
--   entry VARCHAR           runtime block
--   params_json VARCHAR     what the sampler had chosen
--   rule VARCHAR            rule that said no
--   reason VARCHAR          with its numbers
--   failed BOOLEAN          it failed, as the rule says; false: it served; NULL: nobody knows
--   phase VARCHAR           how far it came
--   cause VARCHAR           of the failure
--   evidence VARCHAR        line that proves it
--   seconds DOUBLE          wall time that the audit took (s)
SELECT s.campaign, a.entry, a.params_json, a.rule, a.reason, a.failed, a.phase, a.cause, a.evidence, a.seconds
FROM precheck_audits a
JOIN shown s ON s.search_key = a.search_key AND s.series = a.series
ORDER BY coalesce(a.failed, true), s.campaign, a.rule, a.entry, a.params_json
