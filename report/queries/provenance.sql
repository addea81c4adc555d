-- What measured the shown series of a campaign: one row per different engine, client and machine.
-- columns:
--   campaign VARCHAR        name
--   entry VARCHAR           runtime block
--   engine VARCHAR          what answered
--   engine_version VARCHAR  its version
--   engine_build VARCHAR    commit or compiler line
--   image_digest VARCHAR    container image
--   client VARCHAR          load generator
--   client_version VARCHAR  its version
--   host VARCHAR            machine
--   cpu_model VARCHAR       as the system names it
--   cpu_count INTEGER       logical cores that may be used
--   memory_bytes BIGINT     physical memory
--   os VARCHAR              distribution
--   gpu VARCHAR             names of the GPUs
--   attempts BIGINT         attempts of this kind
SELECT
  s.campaign, a.entry, a.engine, a.engine_version, a.engine_build, a.image_digest, a.client, a.client_version, a.host,
  h.cpu_model, h.cpu_count, h.memory_bytes, h.os, h.gpu, count(*) AS attempts
FROM attempts a
JOIN shown s ON s.search_key = a.search_key AND s.series = a.series
LEFT JOIN hosts h USING (host_id)
WHERE a.engine_version IS NOT NULL
GROUP BY ALL
ORDER BY s.campaign, a.entry, a.client, a.host, a.engine_version, a.engine_build
