"""One subscription at work: read, order by key, run the handler under its policy, acknowledge."""
