-- What a second measurement needs: each succeeded trial of what is shown, with the attempts that its number rests on.
-- Those are the confirming ones of the campaign's client, and beside them the one that decided in the search.
WITH told AS (
  SELECT s.*,
    coalesce(c.campaign_json::JSON ->> '$.confirm.client', c.campaign_json::JSON ->> '$.workload.client') AS asked_client
  FROM shown s JOIN campaigns c USING (campaign_id)
), chosen AS ( -- which attempts, before what is wide comes to them
  SELECT s.campaign, s.search_key, a.attempt_id, o.objective_value, b.trial_id IS NOT NULL AS is_best, t.is_default
  FROM told s
  JOIN shown_trials t ON t.search_key = s.search_key
  LEFT JOIN shown_best b ON b.trial_id = t.trial_id
  JOIN attempts a ON a.trial_id = t.trial_id
  JOIN scores o ON o.attempt_id = a.attempt_id AND o.latest AND o.status = 'succeeded'
  WHERE t.status = 'succeeded' AND o.objective_value IS NOT NULL
    AND (a.attempt_id = t.attempt_id OR a.role = 'confirm' AND a.client = s.asked_client)
)
SELECT
  s.campaign, s.search_key, s.series, s.objective, s.objective_at, s.goal, s.unit,
  a.number, a.trial_id, c.is_best, c.is_default, a.entry, a.runtime, t.fingerprint,
  t.params_json, a.flags_json, a.env_json, a.launch, a.role, a.client, c.objective_value,
  strftime(a.started_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS measured_utc,
  a.client_version, a.workload_key, p.gpu, p.cpu_model, p.cpu_count::VARCHAR AS cpu_count, a.engine, a.engine_version,
  a.image_digest, p.driver, p.kernel, p.os
FROM chosen c
JOIN shown s ON s.search_key = c.search_key
JOIN attempts a ON a.attempt_id = c.attempt_id
JOIN known_trials t ON t.trial_id = a.trial_id
JOIN provenance p ON p.attempt_id = c.attempt_id
ORDER BY s.campaign, a.number, a.started_utc, a.attempt_id
