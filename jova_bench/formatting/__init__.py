"""Text of tables: names that readers know, and numbers with the digits that they deserve."""
