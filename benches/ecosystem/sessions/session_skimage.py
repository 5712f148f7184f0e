"""Images, what is measured in them, and a transform."""

import numpy as np
from skimage import filters, measure, transform

image = np.zeros((20, 20))
image[2:8, 3:9] = 1.0
image[12:17, 11:18] = 0.5
edges = filters.sobel(image)
regions = measure.regionprops(measure.label(image > 0), intensity_image=image)
turn = transform.SimilarityTransform(scale=2, rotation=0.3, translation=(1, 2))
corners = measure.find_contours(image, 0.7)

CHECKS = {
    "edges": "edges.dtype, edges.tolist()",
    "regions": "[(int(one.label), float(one.area), one.bbox, float(one.mean_intensity)) for one in regions]",
    "turn": "turn.params.tolist(), turn([[1.0, 1.0]]).tolist(), turn.inverse.params.tolist()",
    "corners": "[one.tolist() for one in corners]",
}
