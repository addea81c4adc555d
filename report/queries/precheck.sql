-- How good the pre-check was in the shown series of a campaign: one row per rule that predicts a failure, and `all`.
-- columns:
--   campaign VARCHAR        name
--   rule VARCHAR            rule that said no, or all
--   rejected BIGINT         configurations refused
--   audited BIGINT          of them deployed all the same, with an end that tells
--   failed BIGINT           of these failed, as the rule says
--   precision DOUBLE        failed / audited; NULL when nothing was audited
--   low DOUBLE              lower end of its 95 % interval
--   high DOUBLE             upper end
--   unforeseen BIGINT       of all: failures of memory or flags that no rule had refused
--   recall DOUBLE           of all: refused and not found wrong, as a share of those and the unforeseen
SELECT s.campaign, q.rule, q.rejected, q.audited, q.failed, q.precision, q.low, q.high, q.unforeseen, q.recall
FROM precheck_quality q
JOIN shown s ON s.search_key = q.search_key AND s.series = q.series
WHERE q.predicts
ORDER BY s.campaign, q.rule = 'all', q.rejected DESC, q.rule
