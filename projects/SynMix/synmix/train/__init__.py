"""PointRend training on Detectron2 (paper 3.1, 3.3, 4.3)."""
