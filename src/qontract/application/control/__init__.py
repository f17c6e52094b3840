"""Use cases of who changes what runs: dead letters, jobs, subscriptions, an event by hand."""
