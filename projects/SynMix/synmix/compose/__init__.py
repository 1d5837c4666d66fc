"""Which labels, which images, for how long (paper 4.1, 4.2); works on instance tables alone."""
