"""What an edited clip keeps of what it was given."""
