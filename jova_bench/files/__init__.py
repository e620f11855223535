"""Reading of the files that users write, and writing of files that appear whole or not at all."""
