-- Two rows of a split have the same images, inputs and outputs.
-- level: note
-- Hashes find the few rows in question, so that texts are compared of those alone.
WITH hashed AS (
    SELECT task, split, lang,
           hash([image.source_digest for image in images], inputs, outputs) AS key
    FROM instances
), repeated AS (
    SELECT task, split, lang, key
    FROM hashed
    GROUP BY ALL
    HAVING count(*) > 1
), keyed AS (
    SELECT task, split, lang, id, inputs, outputs,
           [image.source_digest for image in images] AS images,
           hash([image.source_digest for image in images], inputs, outputs) AS key
    FROM instances
)
SELECT task, split, lang, min(id) AS first_id, count(*) AS times, inputs, outputs
FROM keyed
SEMI JOIN repeated USING (task, split, lang, key)
GROUP BY task, split, lang, images, inputs, outputs
HAVING count(*) > 1
ORDER BY task, split, lang, first_id
