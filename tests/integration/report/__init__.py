"""A package, so that its browser ends with its last test: while it runs, no other starts, and no loop of asyncio."""
