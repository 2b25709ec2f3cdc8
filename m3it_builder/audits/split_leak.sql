-- The same images with the same input occur in train and in another split.
WITH keyed AS (
    SELECT task, split, lang, id, inputs, outputs,
           list_transform(images, lambda image: image.source_digest) AS images
    FROM instances
)
SELECT train.task, train.lang, train.id AS train_id, other.split, other.id AS other_id,
       train.inputs
FROM keyed AS train
JOIN keyed AS other
  ON train.task = other.task AND train.lang = other.lang
 AND train.images = other.images AND train.inputs = other.inputs
WHERE train.split = 'train' AND other.split <> 'train'
ORDER BY ALL
