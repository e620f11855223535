"""Shows many runs on one page, each with its headline metrics and a link to its own pages."""
