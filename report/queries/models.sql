-- The model of the shown series of a campaign: what the headers of its files said; one row per different set of facts.
-- columns:
--   campaign VARCHAR        name
--   form VARCHAR            gguf, safetensors or pytorch
--   architecture VARCHAR    as the files name it
--   parameters BIGINT       numbers in the tensors
--   quantization VARCHAR    method
--   weight_bytes BIGINT     of all tensors
--   files INTEGER           that hold them
--   dtypes_json JSON        type of number -> bytes of weights
--   positions BIGINT        longest context that it was made for
--   layers BIGINT           blocks of the network
--   kv_heads BIGINT         heads of keys and values in a layer
--   head_dim BIGINT         numbers in a key
--   value_dim BIGINT        numbers in a value
--   kv_latent BIGINT        numbers in place of keys and values
--   kv_numbers_per_token BIGINT  that the cache holds for a token
--   runs BIGINT             that read these facts
SELECT
  s.campaign, m.form, m.architecture, m.parameters, m.quantization, m.weight_bytes, m.files, m.dtypes_json, m.positions,
  m.layers, m.kv_heads, m.head_dim, m.value_dim, m.kv_latent, m.kv_numbers_per_token, count(*) AS runs
FROM models m
JOIN runs r USING (run_id)
JOIN shown s ON s.search_key = r.search_key AND s.series = r.series
GROUP BY ALL
ORDER BY ALL
