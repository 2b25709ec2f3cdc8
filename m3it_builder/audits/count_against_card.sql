-- The number of rows of a complete build differs from the published one.
-- level: note
-- too_few_rows reports those with less than 90 %.
SELECT task, split, published_rows, rows, rows - published_rows AS difference
FROM cards
WHERE sibling_of IS NULL AND NOT is_sample AND row_limit IS NULL AND drop_lists = ''
  AND rows <> published_rows AND rows >= 0.9 * published_rows
ORDER BY ALL
