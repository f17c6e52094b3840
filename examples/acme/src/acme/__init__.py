"""What Acme adds to qontract."""
