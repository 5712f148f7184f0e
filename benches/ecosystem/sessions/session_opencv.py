"""An image, what is found in it, and the finder."""

import cv2
import numpy as np

image = np.zeros((64, 64), np.uint8)
cv2.rectangle(image, (16, 16), (48, 40), 255, -1)
contours, _ = cv2.findContours(image, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
orb = cv2.ORB_create(nfeatures=7)
kp = orb.detect(image, None) or [cv2.KeyPoint(3.0, 4.0, 5.0)]

CHECKS = {
    "image": "image.dtype, image.shape, image.sum(), cv2.countNonZero(image)",
    "contours": "[one.tolist() for one in contours], cv2.contourArea(contours[0])",
    "kp": "[(one.pt, one.size, one.octave) for one in kp]",
    "orb": "orb.getMaxFeatures(), orb.getDefaultName()",
}
