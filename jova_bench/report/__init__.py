"""Tables, pages and files of a run: everything that readers see."""
