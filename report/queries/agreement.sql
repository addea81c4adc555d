-- The best trial of a campaign or the default of an entry, with how far its answers agree with the reference's.
-- columns:
--   campaign VARCHAR           name
--   number INTEGER             of the trial
--   entry VARCHAR              runtime block
--   params_json VARCHAR        what the sampler chose
--   is_best BOOLEAN            the best trial
--   failed BOOLEAN             by the quality guard
--   reference VARCHAR          entry whose default it is compared with
--   is_reference BOOLEAN       the default of that entry itself
--   min_agreement DOUBLE       least token agreement under the rules in force; NULL: none
--   prompts INTEGER            asked
--   answered INTEGER           answers that came
--   compared INTEGER           prompts that the reference answered
--   answered_compared INTEGER  of them answered
--   exact INTEGER              with the same text
--   exact_low DOUBLE           lower end of the 95 % interval of their share
--   exact_high DOUBLE          upper end
--   token_agreement DOUBLE     share of tokens before the first divergence
--   token_unit VARCHAR         token or word
--   first_divergence DOUBLE    median of tokens before it
--   near_ties INTEGER          divergences at a near tie
--   logprob_difference DOUBLE  mean size over tokens that agree (nats)
--   attempts BIGINT            of the trial that were compared
--   lowest DOUBLE              token agreement among them
--   highest DOUBLE             token agreement among them
SELECT
  s.campaign, t.number, t.entry, t.params_json, b.trial_id IS NOT NULL AS is_best,
  coalesce(t.cause = 'quality', false) AS failed, q.reference, t.is_default AND t.entry = q.reference AS is_reference,
  CAST(r.rules_json ->> '$.quality.min_agreement' AS DOUBLE) AS min_agreement,
  q.prompts, q.answered, q.compared, least(q.answered, q.compared) AS answered_compared, q.exact, q.exact_low,
  q.exact_high, q.token_agreement, q.token_unit, q.first_divergence, q.near_ties, q.logprob_difference,
  m.attempts, m.lowest, m.highest
FROM shown_trials t
JOIN shown s ON s.search_key = t.search_key AND s.series = t.series
JOIN quality q USING (attempt_id)
JOIN (
  SELECT trial_id, reference, count(token_agreement) AS attempts, min(token_agreement) AS lowest,
    max(token_agreement) AS highest
  FROM quality GROUP BY ALL
) m ON m.trial_id = t.trial_id AND m.reference = q.reference
LEFT JOIN shown_best b ON b.trial_id = t.trial_id
LEFT JOIN rules r ON r.search_key = t.search_key AND r.latest
WHERE t.is_default OR b.trial_id IS NOT NULL
ORDER BY s.campaign, is_reference DESC, t.is_default DESC, t.number
