"""Out again: labels, training sets and predictions in COCO's format, for other people's tools."""
