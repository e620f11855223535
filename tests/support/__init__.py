"""What tests share: small models, clips, runs, servers and fakes."""
