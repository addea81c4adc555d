-- What a second measurement needs: each succeeded trial of what is shown, with the attempts that its number rests on.
-- Those are the confirming ones of the campaign's client, and beside them the one that decided in the search.
SELECT
  s.campaign, s.search_key, s.series, c.campaign_json::JSON AS resolved, s.objective, s.objective_at, s.goal, s.unit,
  t.number, t.trial_id, b.trial_id IS NOT NULL AS is_best, t.is_default, t.entry, t.runtime, t.fingerprint,
  t.params_json, a.flags_json, a.env_json, a.launch, a.role, a.client, o.objective_value,
  strftime(a.started_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS measured_utc,
  a.client_version, a.workload_key, p.gpu, p.cpu_model, p.cpu_count::VARCHAR AS cpu_count, a.engine, a.engine_version,
  a.image_digest, p.driver, p.kernel, p.os
FROM shown s
JOIN campaigns c USING (campaign_id)
JOIN shown_trials t ON t.search_key = s.search_key
LEFT JOIN shown_best b ON b.trial_id = t.trial_id
JOIN attempts a ON a.trial_id = t.trial_id
JOIN scores o ON o.attempt_id = a.attempt_id AND o.latest AND o.status = 'succeeded'
JOIN provenance p ON p.attempt_id = a.attempt_id
WHERE t.status = 'succeeded' AND o.objective_value IS NOT NULL
  AND (a.attempt_id = t.attempt_id OR a.role = 'confirm'
    AND a.client = coalesce(c.campaign_json::JSON ->> '$.confirm.client', c.campaign_json::JSON ->> '$.workload.client'))
ORDER BY s.campaign, t.number, a.started_utc, a.attempt_id
