"""Runs models and scores clips into run folders, which the same command resumes."""
