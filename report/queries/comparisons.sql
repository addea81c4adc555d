-- Two trials compared by repeated, interleaved measurement: the latest comparison of each pair of the shown series.
-- columns:
--   campaign VARCHAR        name
--   number_a INTEGER        trial number of the candidate
--   entry_a VARCHAR         its entry
--   number_b INTEGER        trial number of what it is compared with
--   entry_b VARCHAR         its entry
--   default_b BOOLEAN       that is the default of its entry
--   metric VARCHAR          compared metric
--   verdict VARCHAR         of a against b
--   log_ratio DOUBLE        mean(ln a) - mean(ln b), positive = a is better
--   low DOUBLE              lower end of its interval
--   high DOUBLE             upper end
--   value_a DOUBLE          geometric mean of a over the rounds that both have
--   value_b DOUBLE          geometric mean of b
--   repeats INTEGER         rounds measured
--   client VARCHAR          load generator
--   reason VARCHAR          why this verdict
--   confidence DOUBLE       of the interval, over all looks at the repeats and all pairs
--   more_repeats INTEGER    if inconclusive: how many more of each would decide
--   at_most INTEGER         repeats that the campaign allowed
--   drift DOUBLE            log change of the machine from the first round to the last, positive = it became better
--   drift_low DOUBLE        lower end of its interval
--   drift_high DOUBLE       upper end
SELECT
  s.campaign, a.number AS number_a, a.entry AS entry_a, b.number AS number_b, b.entry AS entry_b, b.is_default AS default_b,
  m.metric, m.verdict, m.log_ratio, m.low, m.high, m.value_a, m.value_b, m.repeats, m.client, m.reason,
  m.confidence, m.more_repeats, m.at_most, m.drift, m.drift_low, m.drift_high
FROM comparisons m
JOIN shown s ON s.search_key = m.search_key AND s.series = m.series
JOIN shown_trials a ON a.trial_id = m.trial_a
JOIN shown_trials b ON b.trial_id = m.trial_b
WHERE m.latest AND m.purpose = 'confirm'
ORDER BY s.campaign, a.number, NOT b.is_default, b.number, m.metric
