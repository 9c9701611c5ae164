-- name: shape
SELECT * FROM <<relation>> AS told LIMIT 0

-- name: census
SELECT <<bucket>> AS told_bucket, COUNT(*) AS told_rows, CAST(SUM(<<light>>) AS VARCHAR) AS told_light, CAST(SUM(<<full>>) AS VARCHAR) AS told_full,
       CAST(MAX(<<watermark>>) AS VARCHAR) AS told_watermark
FROM <<relation>> AS told GROUP BY 1

-- name: slices
SELECT <<slice>> AS told_slice, COUNT(*) AS told_rows, CAST(SUM(<<light>>) AS VARCHAR) AS told_light, CAST(SUM(<<full>>) AS VARCHAR) AS told_full
FROM <<relation>> AS told WHERE <<within>> GROUP BY 1

-- name: rows
SELECT <<bucket>> AS told_bucket, <<slice>> AS told_slice, <<light>> AS told_light, <<full>> AS told_full, <<cells>>
FROM <<relation>> AS told WHERE <<within>> AND <<sliced>> ORDER BY 1 DESC, 2

-- name: seconds
TRY(CAST(FLOOR(EPOCH_US(<<column>>) / 1000000 / <<size>>) AS BIGINT))

-- name: numbers
TRY(CAST(FLOOR(<<column>> / <<size>>) AS BIGINT))

-- name: hash
CAST(HASH(<<columns>>) % 4611686018427387904 AS DECIMAL(38, 0))

-- name: slice
CAST(HASH(<<columns>>) % <<count>> AS BIGINT)

-- name: from
TRUE

-- name: text
CAST(<<column>> AS VARCHAR)
