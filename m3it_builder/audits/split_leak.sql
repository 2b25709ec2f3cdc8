-- The same images with the same input occur in train and in another split.
-- One finding for each combination of images and input, with the first ids of each split.
-- Hashes find the few rows in question, so that texts are compared of those alone.
WITH hashed AS (
    SELECT task, lang, split,
           hash([image.source_digest for image in images], inputs) AS key
    FROM instances
), shared AS (
    SELECT task, lang, key
    FROM hashed
    GROUP BY ALL
    HAVING bool_or(split = 'train') AND bool_or(split <> 'train')
), keyed AS (
    SELECT task, lang, split, id, inputs,
           [image.source_digest for image in images] AS images,
           hash([image.source_digest for image in images], inputs) AS key
    FROM instances
)
SELECT task, lang,
       count(*) FILTER (split = 'train') AS train_rows,
       count(*) FILTER (split = 'validation') AS validation_rows,
       count(*) FILTER (split = 'test') AS test_rows,
       min(id, 3) FILTER (split = 'train') AS train_ids,
       min(id, 3) FILTER (split = 'validation') AS validation_ids,
       min(id, 3) FILTER (split = 'test') AS test_ids,
       inputs
FROM keyed
SEMI JOIN shared USING (task, lang, key)
GROUP BY task, lang, images, inputs
HAVING bool_or(split = 'train') AND bool_or(split <> 'train')
ORDER BY ALL
