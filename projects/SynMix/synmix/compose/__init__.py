"""Training sets: their labels, their images and their length (paper 4.1, 4.2); works on instance tables alone."""
