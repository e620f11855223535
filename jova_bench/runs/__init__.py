"""Run folders: what is asked for, made, scored, kept and resumed."""
