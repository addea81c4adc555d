-- One row: how much the store held and up to when, at the time of the snapshot.
-- columns:
--   as_of TIMESTAMP         end of the latest thing in it (UTC); NULL when it is empty
--   campaigns BIGINT        campaign names
--   trials BIGINT           trials of all lineages and series
--   failed BIGINT           of them failed
--   attempts BIGINT         deployments
--   seconds DOUBLE          wall time of all attempts (s)
SELECT
  (SELECT as_of FROM newest) AS as_of,
  (SELECT count(DISTINCT name) FROM campaigns WHERE latest) AS campaigns,
  (SELECT count(*) FROM known_trials) AS trials,
  (SELECT count(*) FROM known_trials WHERE status = 'failed') AS failed,
  (SELECT count(*) FROM attempts) AS attempts,
  (SELECT round(coalesce(sum(seconds), 0), 3) FROM attempts) AS seconds
