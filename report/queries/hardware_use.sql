-- What the hardware did beside a level of the best trial of a campaign, or of the default of its entry.
-- columns:
--   campaign VARCHAR        name
--   which VARCHAR           best or default
--   number INTEGER          of the trial
--   position INTEGER        order of measuring
--   scenario VARCHAR        token lengths
--   load_kind VARCHAR       concurrency or rate
--   load_value DOUBLE       users, or requests per second
--   gpu_utilization DOUBLE share of time with work on the GPUs
--   gpu_memory DOUBLE     in use, most of any GPU (GB)
--   gpu_power DOUBLE      of a GPU (W)
--   gpu_temperature DOUBLE hottest GPU (Celsius)
--   gpu_clock DOUBLE      of the multiprocessors (MHz)
--   energy DOUBLE         of all GPUs (J)
--   energy_error DOUBLE   of the energy, a share of it
--   energy_per_token DOUBLE J per output token
--   engine_cpu DOUBLE     cores that the engine's processes used
--   engine_memory DOUBLE  resident memory of the engine (GB)
--   cpu_energy DOUBLE     of the CPU packages (J)
--   cpu_energy_per_token DOUBLE J per output token
--   output_throughput_per_gpu DOUBLE tokens per second and GPU
FROM (
  SELECT
    c.campaign, c.which, c.number, l.position, l.scenario, l.load_kind, l.load_value,
    max(m.value) FILTER (WHERE m.metric = 'gpu_utilization' AND m.stat = 'mean') AS gpu_utilization,
    max(m.value) FILTER (WHERE m.metric = 'gpu_memory' AND m.stat = 'max') AS gpu_memory,
    max(m.value) FILTER (WHERE m.metric = 'gpu_power' AND m.stat = 'mean') AS gpu_power,
    max(m.value) FILTER (WHERE m.metric = 'gpu_temperature' AND m.stat = 'max') AS gpu_temperature,
    max(m.value) FILTER (WHERE m.metric = 'gpu_clock' AND m.stat = 'mean') AS gpu_clock,
    max(m.value) FILTER (WHERE m.metric = 'energy' AND m.stat = 'value') AS energy,
    max(m.value) FILTER (WHERE m.metric = 'energy_error' AND m.stat = 'value') AS energy_error,
    max(m.value) FILTER (WHERE m.metric = 'energy_per_token' AND m.stat = 'value') AS energy_per_token,
    max(m.value) FILTER (WHERE m.metric = 'engine_cpu' AND m.stat = 'value') AS engine_cpu,
    max(m.value) FILTER (WHERE m.metric = 'engine_memory' AND m.stat = 'max') AS engine_memory,
    max(m.value) FILTER (WHERE m.metric = 'cpu_energy' AND m.stat = 'value') AS cpu_energy,
    max(m.value) FILTER (WHERE m.metric = 'cpu_energy_per_token' AND m.stat = 'value') AS cpu_energy_per_token,
    max(m.value) FILTER (WHERE m.metric = 'output_throughput_per_gpu' AND m.stat = 'value') AS output_throughput_per_gpu
  FROM compared c
  JOIN levels l USING (attempt_id)
  JOIN metrics m ON m.attempt_id = l.attempt_id AND m.position = l.position
  GROUP BY ALL
  HAVING coalesce(gpu_utilization, gpu_power, gpu_memory, energy, engine_cpu, engine_memory, cpu_energy) IS NOT NULL
)
ORDER BY campaign, which, min(position) OVER (PARTITION BY campaign, which, scenario), load_value
