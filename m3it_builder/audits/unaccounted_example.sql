-- The instances and rejects of a unit do not add up to the number of its source examples.
SELECT cards.task, cards.split, cards.examples, count_rows.times AS instances,
       coalesce(count_rejects.times, 0) AS rejects
FROM cards
LEFT JOIN (SELECT task, split, count(*) AS times FROM instances GROUP BY ALL) AS count_rows
  USING (task, split)
LEFT JOIN (SELECT task, split, count(*) AS times FROM rejects GROUP BY ALL) AS count_rejects
  USING (task, split)
WHERE cards.examples <> coalesce(count_rows.times, 0) + coalesce(count_rejects.times, 0)
ORDER BY ALL
