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
--   kernel VARCHAR          kernel release
--   gpu VARCHAR             names of the GPUs that an attempt was given
--   driver VARCHAR          of the GPUs
--   cuda VARCHAR            newest that the driver runs
--   attempts BIGINT         attempts of this kind
SELECT
  s.campaign, a.entry, p.engine, p.engine_version, p.engine_build, p.image_digest, p.client, p.client_version, p.host,
  p.cpu_model, p.cpu_count, p.memory_bytes, p.os, p.kernel, p.gpu, p.driver, p.cuda, count(*) AS attempts
FROM provenance p
JOIN attempts a USING (attempt_id)
JOIN shown s ON s.search_key = a.search_key AND s.series = a.series
WHERE p.engine_version IS NOT NULL
GROUP BY ALL
ORDER BY ALL
