"""Plants known changes on real clips and measures how metrics respond to them."""
