"""A miniature of CarFusion and CitySample: drawn vehicles in perspective, with exact points, in every layout."""
