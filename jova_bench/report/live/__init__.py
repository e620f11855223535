"""Shows a run that goes on, on a page that renews itself."""
