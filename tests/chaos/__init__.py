"""kill -9 at random moments of real campaigns, then a census of what is lost, doubled, partial, unopenable or left."""
