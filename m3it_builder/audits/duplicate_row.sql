-- Two rows of a split have the same images, inputs and outputs.
-- level: note
SELECT task, split, lang, min(id) AS first_id, count(*) AS times, any_value(inputs) AS inputs,
       any_value(outputs) AS outputs
FROM instances
GROUP BY task, split, lang, list_transform(images, lambda image: image.source_digest), inputs,
         outputs
HAVING count(*) > 1
ORDER BY task, split, lang, first_id
