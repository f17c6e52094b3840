"""One folder a technology, one file a port: what the ports mean in Redis, Celery, Slack, or memory."""
