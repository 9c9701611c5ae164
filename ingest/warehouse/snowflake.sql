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
FLOOR(DATE_PART(EPOCH_SECOND, <<column>>) / <<size>>)

-- name: numbers
FLOOR(<<column>> / <<size>>)

-- name: hash
CAST(MOD(HASH(<<columns>>), 4611686018427387904) AS NUMBER(38, 0))

-- name: slice
ABS(MOD(HASH(<<columns>>), <<count>>))

-- name: from
<<column>> >= DATEADD(SECOND, <<first>>, CAST('1970-01-01' AS TIMESTAMP_NTZ)) AND <<column>> < DATEADD(SECOND, <<last>>, CAST('1970-01-01' AS TIMESTAMP_NTZ))

-- name: text
CAST(<<column>> AS VARCHAR)
