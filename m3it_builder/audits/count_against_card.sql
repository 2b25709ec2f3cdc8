-- The number of rows of a complete build differs from the published one.
-- level: note
SELECT task, split, published_rows, rows, rows - published_rows AS difference
FROM cards
WHERE NOT is_sample AND row_limit IS NULL AND rows <> published_rows
ORDER BY ALL
