"""A trained network on a person's own photographs: pictures, and a COCO file of what it found."""
