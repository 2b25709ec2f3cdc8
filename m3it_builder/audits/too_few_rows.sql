-- A complete build has less than 90 % of the published rows; files may be missing or cut short.
SELECT task, split, published_rows, rows, round(100.0 * rows / published_rows, 1) AS percent
FROM cards
WHERE sibling_of IS NULL AND NOT is_sample AND row_limit IS NULL AND drop_lists = ''
  AND published_rows > 0 AND rows < 0.9 * published_rows
ORDER BY ALL
