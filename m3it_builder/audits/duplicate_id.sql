-- An id occurs more than once in its task, split and language.
SELECT task, split, lang, id, count(*) AS times
FROM instances
GROUP BY ALL
HAVING count(*) > 1
ORDER BY ALL
