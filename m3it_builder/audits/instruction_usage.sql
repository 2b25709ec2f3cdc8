-- An instruction is used more or less often than uniform selection allows (5 standard deviations).
WITH used AS (
    SELECT task, split, lang, instruction, count(*) AS times
    FROM instances
    GROUP BY ALL
), expected AS (
    SELECT *, sum(times) OVER unit AS total, count(*) OVER unit AS pool
    FROM used
    WINDOW unit AS (PARTITION BY task, split, lang)
)
SELECT task, split, lang, instruction, times, round(total / pool, 1) AS expected
FROM expected
WHERE total >= 1000 AND pool > 1
  AND abs(times - total / pool) > 5 * sqrt(total * (1.0 / pool) * (1 - 1.0 / pool))
ORDER BY ALL
