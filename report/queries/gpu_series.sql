-- What the GPUs of the best trial of a campaign did beside the attempt that decided over it: at most 300 points, each
-- of one GPU over a stretch of the attempt.
-- columns:
--   campaign VARCHAR        name
--   number INTEGER          of the trial
--   gpu_number INTEGER      GPU of the attempt, from 1
--   seconds DOUBLE          middle of the stretch, since the start of the attempt (s)
--   samples BIGINT          looks at the GPU in it
--   memory_gb DOUBLE        in use, most (GB)
--   power_watts DOUBLE      mean (W)
--   utilization DOUBLE      mean share of time with work on the GPU
--   measure_from DOUBLE     when the attempt began to measure (s)
--   measure_seconds DOUBLE  how long it measured (s)
WITH looked AS (
  SELECT c.campaign, c.number, g.*, dense_rank() OVER (PARTITION BY g.attempt_id ORDER BY g.gpu) AS gpu_number,
    min(g.seconds) OVER one AS first_seen, max(g.seconds) OVER one AS last_seen
  FROM compared c JOIN gpu_samples g USING (attempt_id)
  WHERE c.which = 'best'
  WINDOW one AS (PARTITION BY g.attempt_id)
), placed AS (
  SELECT *, greatest(300 // max(gpu_number) OVER (PARTITION BY attempt_id), 1) AS points FROM looked
), cut AS (
  SELECT *,
    least(floor((seconds - first_seen) / greatest(last_seen - first_seen, 0.001) * points), points - 1)::INTEGER AS stretch
  FROM placed
), begun AS (
  SELECT attempt_id,
    sum(seconds) FILTER (WHERE phase NOT IN ('warmup', 'measure', 'slo', 'done')) AS measure_from,
    sum(seconds) FILTER (WHERE phase IN ('warmup', 'measure')) AS measure_seconds
  FROM phases GROUP BY attempt_id
)
SELECT
  c.campaign, c.number, c.gpu_number::INTEGER AS gpu_number, round(avg(c.seconds), 2) AS seconds, count(*) AS samples,
  round(max(c.memory_bytes) / 1e9, 3) AS memory_gb, round(avg(c.power_watts), 2) AS power_watts,
  round(avg(c.utilization), 4) AS utilization, round(coalesce(any_value(b.measure_from), 0), 3) AS measure_from,
  round(coalesce(any_value(b.measure_seconds), 0), 3) AS measure_seconds
FROM cut c LEFT JOIN begun b USING (attempt_id)
GROUP BY c.campaign, c.number, c.gpu_number, c.stretch
ORDER BY c.campaign, c.gpu_number, seconds
